package loader

import (
	"strings"

	"github.com/tripline/tripline/pkg/msg"
)

// Selection turns on or off the rules of a name, in which * stands for any
// text, or of a tag. With both, a rule must meet both.
type Selection struct {
	Enable bool   `yaml:"enable"`
	Rule   string `yaml:"rule"`
	Tag    string `yaml:"tag"`
}

// Select applies selections in order. Rules are changed in place.
func Select(rules []*Rule, sel []Selection) {
	for _, s := range sel {
		for _, r := range rules {
			if s.Rule != "" && !Wildcard(s.Rule, r.Name) || s.Tag != "" && !contains(r.Tags, s.Tag) || s.Rule == "" && s.Tag == "" {
				continue
			}
			r.Enabled = s.Enable && !r.Dropped
		}
	}
}

// Wildcard matches text with a pattern in which * stands for any text.
func Wildcard(pattern, text string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == text
	}
	if !strings.HasPrefix(text, parts[0]) {
		return false
	}
	text = text[len(parts[0]):]
	last := parts[len(parts)-1]
	for _, p := range parts[1 : len(parts)-1] {
		i := strings.Index(text, p)
		if i < 0 {
			return false
		}
		text = text[i+len(p):]
	}
	return strings.HasSuffix(text, last)
}

// minPriority is the least severe priority that is kept.
func (o Options) minPriority() msg.Priority {
	if o.MinPriority == nil {
		return msg.Debug
	}
	return *o.MinPriority
}
