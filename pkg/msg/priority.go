package msg

import (
	"fmt"
	"strings"
)

// Priority is the one scale of how bad a detection is. Its names are syslog's,
// as Falco uses them; Tracee's severities are mapped onto it by
// [PriorityOfSeverity]. Lower is worse, so priorities compare as in syslog.
type Priority uint8

// The priorities, worst first.
const (
	Emergency Priority = iota
	Alert
	Critical
	Error
	Warning
	Notice
	Informational
	Debug
)

func priorityNames() [8]string {
	return [...]string{"emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug"}
}

// String returns the lower-case name.
func (p Priority) String() string {
	if names := priorityNames(); int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("priority-%d", uint8(p))
}

// ParsePriority reads a name in any case; "info" is accepted for informational.
func ParsePriority(s string) (Priority, error) {
	lower := strings.ToLower(s)
	if lower == "info" {
		return Informational, nil
	}
	for i, name := range priorityNames() {
		if lower == name {
			return Priority(i), nil
		}
	}
	return 0, fmt.Errorf("unknown priority %q, expected one of %s", s, strings.Join(func() []string { n := priorityNames(); return n[:] }(), ", "))
}

// PriorityOfSeverity maps the severities of Tracee's signatures (0 information,
// 1 low, 2 medium, 3 high, 4 critical) to a priority; what is out of range
// counts as the nearest.
func PriorityOfSeverity(severity int) Priority {
	switch {
	case severity <= 0:
		return Informational
	case severity == 1:
		return Notice
	case severity == 2:
		return Warning
	case severity == 3:
		return Error
	default:
		return Critical
	}
}

// Severity is the inverse of [PriorityOfSeverity].
func (p Priority) Severity() int {
	switch {
	case p <= Critical:
		return 4
	case p == Error:
		return 3
	case p == Warning:
		return 2
	case p == Notice:
		return 1
	default:
		return 0
	}
}

// MarshalText makes a priority its name in JSON and YAML.
func (p Priority) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads what [ParsePriority] reads.
func (p *Priority) UnmarshalText(b []byte) (err error) {
	*p, err = ParsePriority(string(b))
	return err
}
