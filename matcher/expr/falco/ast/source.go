package ast

import "sort"

// Source is a text put together from pieces of rule files, by appending and
// by replacing the names of lists, that knows where each piece was written.
type Source struct {
	Text string
	runs []run
}

// run is a stretch of text from one piece.
type run struct {
	start int
	from  Locator
	off   int
	// fixed says that the whole run stands for the one place off.
	fixed bool
}

// Locator finds where a byte of a piece of text stands in its file.
type Locator interface{ Locate(off int) Place }

// Place is a position in a rule file, with the line for a message.
type Place struct {
	File         string
	Line, Column int // from 1; columns in bytes
	Snippet      string
}

// Pos is a byte of a source.
type Pos struct {
	Src *Source
	Off int
}

// Plain makes a source from text that stands nowhere else, and counts lines
// and columns in it.
func Plain(text string) *Source { return NewSource(text, plain(text)) }

// NewSource makes a source from one piece.
func NewSource(text string, from Locator) *Source {
	return &Source{Text: text, runs: []run{{from: from}}}
}

// Append adds text that stands at off of the piece; with fixed, all of it
// stands for that one place.
func (s *Source) Append(text string, from Locator, off int, fixed bool) {
	s.runs = append(s.runs, run{start: len(s.Text), from: from, off: off, fixed: fixed})
	s.Text += text
}

// Join appends another source with glue between.
func (s *Source) Join(glue string, o *Source) {
	at := len(s.Text) + len(glue)
	for _, r := range o.runs {
		r.start += at
		s.runs = append(s.runs, r)
	}
	s.Text += glue + o.Text
}

// Clone returns a copy that can be appended to.
func (s *Source) Clone() *Source {
	return &Source{Text: s.Text, runs: append([]run(nil), s.runs...)}
}

// Piece is text that stands for one place.
type Piece struct {
	Text string
	From Locator
}

// Splice replaces the bytes from lo to hi by pieces and returns the result. A
// piece without a place stands for that of lo.
func (s *Source) Splice(lo, hi int, pieces ...Piece) *Source {
	out := &Source{Text: s.Text[:lo]}
	for _, r := range s.runs {
		if r.start < lo {
			out.runs = append(out.runs, r)
		}
	}
	at, tail := s.at(lo), s.at(hi)
	for _, p := range pieces {
		r := run{start: len(out.Text), from: at.from, off: at.off, fixed: true}
		if p.From != nil {
			r.from, r.off = p.From, 0
		}
		out.runs = append(out.runs, r)
		out.Text += p.Text
	}
	out.runs = append(out.runs, run{start: len(out.Text), from: tail.from, off: tail.off, fixed: tail.fixed})
	grow := len(out.Text) - hi
	out.Text += s.Text[hi:]
	for _, r := range s.runs {
		if r.start > hi {
			r.start += grow
			out.runs = append(out.runs, r)
		}
	}
	return out
}

// at returns the run of a byte, with off being that byte's.
func (s *Source) at(off int) run {
	i := sort.Search(len(s.runs), func(i int) bool { return s.runs[i].start > off }) - 1
	if i < 0 {
		return run{from: plain(s.Text), off: off}
	}
	r := s.runs[i]
	if !r.fixed {
		r.off += off - r.start
	}
	return r
}

// Place says where the position is written.
func (p Pos) Place() Place {
	if p.Src == nil {
		return Place{}
	}
	r := p.Src.at(p.Off)
	return r.from.Locate(r.off)
}

type plain string

// Locate counts lines in the text itself.
func (t plain) Locate(off int) Place {
	off = min(max(off, 0), len(t))
	line, start := 1, 0
	for i := 0; i < off; i++ {
		if t[i] == '\n' {
			line++
			start = i + 1
		}
	}
	end := start
	for end < len(t) && t[end] != '\n' {
		end++
	}
	return Place{Line: line, Column: off - start + 1, Snippet: string(t[start:end])}
}
