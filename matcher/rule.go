package matcher

import (
	"fmt"
	"strings"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// Language compiles the rules of one language.
type Language interface {
	// Name is "rego", "golang" or "expr".
	Name() string
	// Owns says whether a file is of this language, by its path.
	Owns(path string) bool
	// Load compiles files, in the order given, together. What is good is in
	// the program whatever is bad; everything bad is in the problems.
	Load(files []File) (Program, []Problem)
}

// File is one rule file as read.
type File struct {
	// Path is as the user gave it, or "builtin:…" for what comes with Tripline.
	Path    string
	Content []byte
}

// Program is the compiled rules of one language. It does not change.
type Program interface {
	Rules() []Rule
	// NewWorker makes an evaluator for one goroutine.
	NewWorker() (Worker, error)
}

// Worker evaluates the rules of one program, for one goroutine.
type Worker interface {
	// Match holds the event against the i-th rule of [Program.Rules] and
	// calls found for each finding before it returns. All rules of an event
	// are called one after another with the same *Event, whose Serial differs
	// from that of any other event, so a worker may cache by it.
	Match(i int, ev *Event, found func(Finding)) error
	// Forget drops the state kept for a partition that has gone elsewhere.
	Forget(partition uint32)
}

// Chooser is implemented by a [Worker] that can tell at once, of all its rules,
// which an event has nothing to do with.
type Chooser interface {
	// Choose lists the rules of [Program.Rules] in which the event may find
	// something, ascending. The others would find nothing and need not be asked;
	// Match says the same of each whether this was called or not. The list is
	// good until the next call.
	Choose(ev *Event) []int32
}

// Ender is implemented by a [Worker] whose rules want to know that the source
// of events has ended, as Tracee's signatures do.
type Ender interface {
	End(found func(rule int, f Finding))
}

// Timer is implemented by a [Worker] some of whose rules find that something
// has not happened in time.
type Timer interface {
	// Pass says that the time of a host's events in a partition has come to
	// now, in ns since the epoch, so that what waited for an event before that
	// waits in vain. It calls found with the rule's place in [Program.Rules]
	// and a finding whose Past is set.
	Pass(partition uint32, host string, now int64, found func(rule int, f Finding))
}

// Counter is implemented by a [Program] that counts what its rules did without
// saying so, such as events that they left alone.
type Counter interface {
	// Counters gives what was counted so far, by name.
	Counters() map[string]uint64
}

// Rule is what the matcher and its user know of a rule.
type Rule struct {
	Info     msg.RuleInfo
	Priority msg.Priority
	// Select names the events that the rule is held against.
	Select []Selector
	// File and Line say where it is written; Hash is the SHA-256 of the file.
	File string
	Line int
	Hash string
	// Disabled rules are listed but not run.
	Disabled bool
	// Window is how far back the events may lie that have a part in a finding:
	// what a new owner of a partition reads again to remember what the one
	// before did. It is 0 for a rule that one event decides.
	Window time.Duration
	// Environment names the environment variables of processes that the rule
	// looks at or shows; [msg.WholeEnvironment] is all of them. It sees no
	// others, other than what other rules ask for.
	Environment []string
}

// Selector chooses events.
type Selector struct {
	// Event is a name of the catalogue, "" for every event.
	Event  string
	Origin Origin
	// Args, if any, are conditions every match meets, passed on as demand.
	Args []msg.ArgDemand
}

// Origin is where an event comes from.
type Origin uint8

// The origins.
const (
	AnyOrigin Origin = iota
	HostOrigin
	ContainerOrigin
)

// Event is what rules see: it and everything it leads to is read-only.
type Event struct {
	msg.Record
	Partition uint32
	Origin    Origin // HostOrigin or ContainerOrigin
	Serial    uint64
	// Replayed events were held against the rules before, by an earlier owner
	// of the partition, and are now for their memory alone: only rules with a
	// [Rule.Window] see them, and what they find is not reported. Found says
	// whether the rule that is called found something in this event then, so
	// that a rule which starts afresh after a finding does so where it did.
	Replayed, Found bool
}

// Finding is a rule's answer.
type Finding struct {
	// Output is the output line, "" for the rule's name.
	Output string
	Data   map[string]any
	// Values are the fields that the rule looked at or printed.
	Values map[string]any
	// Past is the event that the finding is about, nil for the one that the
	// rule is held against.
	Past *Past
}

// Problem is something wrong in a rule file.
type Problem struct {
	// Warning problems leave the rule running.
	Warning bool
	// Code is a stable name of the kind of problem, where the language has one.
	Code    string
	File    string
	Line    int // from 1, 0 when unknown
	Column  int // from 1, in bytes, 0 when unknown
	Rule    string
	Message string
	// Snippet is the source line, without its line end.
	Snippet string
}

// Error renders the problem as file:line:column: message, with the source
// line and a caret below it where they are known.
func (p Problem) Error() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
		if p.Column > 0 {
			fmt.Fprintf(&b, ":%d", p.Column)
		}
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Rule != "" {
		fmt.Fprintf(&b, "rule %q: ", p.Rule)
	}
	b.WriteString(p.Message)
	if p.Code != "" {
		fmt.Fprintf(&b, " (%s)", p.Code)
	}
	if p.Snippet != "" {
		fmt.Fprintf(&b, "\n\t%s", p.Snippet)
		if p.Column > 0 && p.Column <= len(p.Snippet)+1 {
			b.WriteString("\n\t")
			for _, c := range p.Snippet[:p.Column-1] {
				if c == '\t' {
					b.WriteByte('\t')
				} else {
					b.WriteByte(' ')
				}
			}
			b.WriteByte('^')
		}
	}
	return b.String()
}
