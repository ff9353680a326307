package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// Condition says whether something holds for a detection. It is safe for
// concurrent use.
type Condition func(*msg.Detection) bool

// Compiler makes a condition of text in the rules' own language. The stage of
// the rules provides it; here nothing is known of the language.
type Compiler func(text string) (Condition, error)

var errNoLanguage = errors.New("conditions in the rules' language are not available here")

// Match says which detections are meant: those for which everything that is
// given holds; nothing given means all.
//
// The lists hold patterns, of which one must fit: * stands for any text, also
// none, and ? for one character; a value that is not known is empty. Rule is
// the rule's id or its name, tag one of its tags, image the name of the image
// as it was asked for, namespace and pod those of Kubernetes.
type Match struct {
	// Priority is the lowest that is meant: with "error" also critical,
	// alert and emergency.
	Priority  string   `yaml:"priority,omitempty"`
	Rule      []string `yaml:"rule,omitempty,flow"`
	Tag       []string `yaml:"tag,omitempty,flow"`
	Host      []string `yaml:"host,omitempty,flow"`
	Container []string `yaml:"container,omitempty,flow"`
	Image     []string `yaml:"image,omitempty,flow"`
	Namespace []string `yaml:"namespace,omitempty,flow"`
	Pod       []string `yaml:"pod,omitempty,flow"`
	// Condition is one in the rules' language, about the event.
	Condition string `yaml:"condition,omitempty"`
}

func (m Match) empty() bool {
	return m.Priority == "" && m.Condition == "" &&
		len(m.Rule)+len(m.Tag)+len(m.Host)+len(m.Container)+len(m.Image)+len(m.Namespace)+len(m.Pod) == 0
}

// Validate reports everything that is wrong but for the condition, which is
// looked at when it is compiled.
func (m Match) Validate() error {
	var errs []error
	if m.Priority != "" {
		if _, err := msg.ParsePriority(m.Priority); err != nil {
			errs = append(errs, fmt.Errorf("priority: %w", err))
		}
	}
	return errors.Join(errs...)
}

// test is one thing that must hold.
type test struct {
	text  string // as people write it
	holds func(*msg.Detection) bool
}

// matcher is a compiled [Match].
type matcher []test

// compile makes a matcher.
func (m Match) compile(compiler Compiler) (matcher, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	var out matcher
	if m.Priority != "" {
		least, _ := msg.ParsePriority(m.Priority)
		out = append(out, test{"priority " + least.String() + " or above", func(d *msg.Detection) bool { return d.Priority <= least }})
	}
	for _, l := range []struct {
		name     string
		patterns []string
		values   func(*msg.Detection) []string
	}{
		{"rule", m.Rule, func(d *msg.Detection) []string { return []string{d.Rule.ID, d.Rule.Name} }},
		{"tag", m.Tag, func(d *msg.Detection) []string { return d.Rule.Tags }},
		{"host", m.Host, one("host")},
		{"container", m.Container, one("container")},
		{"image", m.Image, one("image")},
		{"namespace", m.Namespace, one("namespace")},
		{"pod", m.Pod, one("pod")},
	} {
		if len(l.patterns) == 0 {
			continue
		}
		re, values := patterns(l.patterns), l.values
		out = append(out, test{l.name + " " + strings.Join(l.patterns, " or "), func(d *msg.Detection) bool {
			return slices.ContainsFunc(values(d), re.MatchString)
		}})
	}
	if m.Condition != "" {
		if compiler == nil {
			return nil, fmt.Errorf("condition: %w", errNoLanguage)
		}
		c, err := compiler(m.Condition)
		if err != nil {
			return nil, fmt.Errorf("condition: %w", err)
		}
		out = append(out, test{"condition " + m.Condition, c})
	}
	return out, nil
}

// patterns makes one expression of patterns.
func patterns(list []string) *regexp.Regexp {
	var alternatives []string
	for _, p := range list {
		q := regexp.QuoteMeta(p)
		q = strings.ReplaceAll(strings.ReplaceAll(q, `\*`, `.*`), `\?`, `.`)
		alternatives = append(alternatives, q)
	}
	return regexp.MustCompile(`(?s)^(?:` + strings.Join(alternatives, "|") + `)$`)
}

func (m matcher) holds(d *msg.Detection) bool { return m.fails(d) == "" }

// fails names the first test that does not hold, "" when all do.
func (m matcher) fails(d *msg.Detection) string {
	for _, t := range m {
		if !t.holds(d) {
			return t.text
		}
	}
	return ""
}

func (m matcher) String() string {
	if len(m) == 0 {
		return "everything"
	}
	var texts []string
	for _, t := range m {
		texts = append(texts, t.text)
	}
	return strings.Join(texts, ", ")
}
