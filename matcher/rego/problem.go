package rego

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
)

// maxProblems bounds what one file reports: what follows the first few errors
// is mostly their consequence.
const maxProblems = 10

// source finds lines of a file for problems.
type source struct {
	path  string
	lines [][]byte
}

func newSource(f matcher.File) source {
	return source{path: f.Path, lines: bytes.Split(f.Content, []byte("\n"))}
}

// line returns the n-th line, from 1, without its end; "" where there is none.
func (s source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return strings.TrimSuffix(string(s.lines[n-1]), "\r")
}

// at makes a problem of the place.
func (s source) at(row, col int, code, message string) matcher.Problem {
	return matcher.Problem{Code: code, File: s.path, Line: row, Column: col, Message: message, Snippet: s.line(row)}
}

// warn makes a problem that leaves the rule as it is.
func (s source) warn(row, col int, message string) matcher.Problem {
	p := s.at(row, col, "", message)
	p.Warning = true
	return p
}

// problems renders the errors of OPA's parser and compiler.
func (s source) problems(err error, denied map[string]string) []matcher.Problem {
	var list ast.Errors
	var one *ast.Error
	switch {
	case errors.As(err, &list):
	case errors.As(err, &one):
		list = ast.Errors{one}
	default:
		return []matcher.Problem{s.at(0, 0, "", err.Error())}
	}
	out := make([]matcher.Problem, 0, min(len(list), maxProblems))
	for i, e := range list {
		if i == maxProblems {
			out = append(out, s.at(0, 0, "", fmt.Sprintf("%d more errors", len(list)-i)))
			break
		}
		p := s.at(0, 0, e.Code, explain(e, denied))
		if l := e.Location; l != nil {
			p.Line, p.Column = l.Row, l.Col
			if l.File == s.path {
				p.Snippet = s.line(l.Row)
			} else {
				p.File, p.Snippet = l.File, ""
			}
		}
		out = append(out, p)
	}
	return out
}

// explain is the error's message, with the reason where a function is one that
// rules are not given.
func explain(e *ast.Error, denied map[string]string) string {
	if name, ok := strings.CutPrefix(e.Message, "undefined function "); ok {
		if why, ok := denied[name]; ok {
			return name + " is not available: " + why
		}
	}
	message := e.Message
	if e.Details != nil {
		if _, isParse := e.Details.(*ast.ParserErrorDetail); !isParse {
			for _, line := range e.Details.Lines() {
				message += "\n\t" + line
			}
		}
	}
	return message
}
