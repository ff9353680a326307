package loader

import (
	"sort"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// Append adds to the outputs of the rules that it matches.
type Append struct {
	Match Match `yaml:"match"`
	// Output is text with fields, added after a blank.
	Output string `yaml:"extra_output"`
	// Fields are added to the values of a finding: names of fields, or names
	// with a format after a colon.
	Fields map[string]string `yaml:"extra_fields"`
	// Suggested adds the fields of the container and the pod to the output.
	Suggested bool `yaml:"suggested_output"`
}

// Match selects rules; what is empty matches all.
type Match struct {
	Source string   `yaml:"source"`
	Rule   string   `yaml:"rule"`
	Tags   []string `yaml:"tags"`
}

func (m Match) matches(r *Rule) bool {
	if m.Source != "" && m.Source != r.Source || m.Rule != "" && m.Rule != r.Name {
		return false
	}
	for _, t := range m.Tags {
		if !contains(r.Tags, t) {
			return false
		}
	}
	return true
}

// appendOutput adds what the configuration says, in its order.
func (l *Loader) appendOutput(r *rule, out *Rule) {
	for _, a := range l.opt.Append {
		if !a.Match.matches(out) {
			continue
		}
		text := a.Output
		if a.Suggested {
			text = strings.TrimSpace(text + " " + suggested(l.opt.Fields))
		}
		if text != "" {
			if f, err := output.Compile(ast.Plain(text), l.opt.Fields); err != nil {
				l.ruleError(r, ErrCompileOutput, err)
			} else {
				out.Output = out.Output.Append(" ", f)
			}
		}
		names := make([]string, 0, len(a.Fields))
		for name := range a.Fields {
			names = append(names, name)
		}
		sort.Strings(names)
		for _, name := range names {
			format := a.Fields[name]
			if format == "" {
				format = "%" + name
			}
			f, err := output.Compile(ast.Plain(format), l.opt.Fields)
			if err != nil {
				l.ruleError(r, ErrCompileOutput, err)
				continue
			}
			out.Extra = append(out.Extra, ExtraField{name, f})
		}
	}
}

// suggested is the text that shows all suggested fields.
func suggested(t *fields.Table) string {
	var out []string
	for _, d := range t.Suggested() {
		name := d.Name
		switch name {
		case "k8s.ns.name":
			name = "k8s_ns_name"
		default:
			name = strings.ReplaceAll(name, ".", "_")
		}
		out = append(out, name+"=%"+d.Name)
	}
	return strings.Join(out, " ")
}
