package render

import (
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/tripline/tripline/pkg/msg"
)

// MaxOutput bounds what a template may write for one detection, in bytes.
const MaxOutput = 4 << 20

// ErrTooLong says that a template wrote more than [MaxOutput].
var ErrTooLong = errors.New("the template writes more than the limit of " + strconv.Itoa(MaxOutput) + " bytes")

// Template renders detections. It is safe for concurrent use.
type Template struct {
	t *template.Template
	// clocked templates use now, which differs from detection to detection.
	clocked bool
}

// Parse compiles a template; name is how errors call it. A field that a
// detection does not have is an error when it is reached.
func Parse(name, text string) (*Template, error) {
	t, err := template.New(name).Option("missingkey=zero").Funcs(functions()).Parse(text)
	if err != nil {
		return nil, err
	}
	return &Template{t, strings.Contains(text, "now")}, nil
}

// Load returns the template given as text or as the name of a file that holds
// it, and nil when neither is given. Field is its name in the configuration.
func Load(field, text, file string) (*Template, error) {
	switch {
	case text != "" && file != "":
		return nil, fmt.Errorf("%s and %s_file are both given: which one?", field, field)
	case text != "":
		t, err := Parse(field, text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", field, err)
		}
		return t, nil
	case file != "":
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s_file: %w", field, err)
		}
		t, err := Parse(file, string(b))
		if err != nil {
			return nil, fmt.Errorf("%s_file: %w", field, err)
		}
		return t, nil
	}
	return nil, nil
}

// Execute renders a detection.
func (t *Template) Execute(d *msg.Detection) ([]byte, error) {
	var out bounded
	run := t.t
	if t.clocked {
		clone, err := t.t.Clone()
		if err != nil {
			return nil, err
		}
		run = clone.Funcs(template.FuncMap{"now": func() time.Time { return foundAt(d) }})
	}
	if err := run.Execute(&out, newDot(d)); err != nil {
		if errors.Is(err, ErrTooLong) {
			return nil, ErrTooLong
		}
		return nil, err
	}
	return out.b, nil
}

// bounded collects what is written, up to MaxOutput.
type bounded struct{ b []byte }

func (w *bounded) Write(p []byte) (int, error) {
	if len(w.b)+len(p) > MaxOutput {
		return 0, ErrTooLong
	}
	w.b = append(w.b, p...)
	return len(p), nil
}

// functions are what templates may use besides text/template's own. Those with
// a counterpart in the sprig library, which templates for Tracee and
// Falcosidekick use, have its name and its order of arguments.
func functions() template.FuncMap {
	return template.FuncMap{
		// Into other forms. toJson escapes nothing that JSON does not ask for.
		"toJson": func(v any) (string, error) {
			b, err := JSON(v)
			return string(b), err
		},
		"toPrettyJson": prettyJSON,
		"terminal":     func(v any) string { return Terminal(text(v)) },
		"html":         func(v any) string { return html.EscapeString(text(v)) },
		"urlquery":     func(v any) string { return url.QueryEscape(text(v)) },
		"subject":      func(v any) string { return msg.Token(text(v)) },
		"quote":        func(v any) string { return strconv.Quote(text(v)) },
		"b64enc":       func(v any) string { return base64.StdEncoding.EncodeToString([]byte(text(v))) },
		"map":          Map,
		"value":        Value,
		"toString":     text,

		// Layouts.
		"classic": func(d dot) string { return string(Classic(d.Detection)) },
		"falco":   func(d dot) string { return strings.TrimSuffix(string(Falco(d.Detection)), "\n") },

		// Text.
		"upper":      strings.ToUpper,
		"lower":      strings.ToLower,
		"title":      title,
		"trim":       strings.TrimSpace,
		"trimPrefix": func(prefix, s string) string { return strings.TrimPrefix(s, prefix) },
		"trimSuffix": func(suffix, s string) string { return strings.TrimSuffix(s, suffix) },
		"replace":    func(old, with, s string) string { return strings.ReplaceAll(s, old, with) },
		"contains":   func(sub, s string) bool { return strings.Contains(s, sub) },
		"hasPrefix":  func(prefix, s string) bool { return strings.HasPrefix(s, prefix) },
		"hasSuffix":  func(suffix, s string) bool { return strings.HasSuffix(s, suffix) },
		"splitList":  func(sep, s string) []string { return strings.Split(s, sep) },
		"join":       join,
		"trunc":      cut,
		"truncate":   Truncate,
		"shortID":    ShortID,

		// Values.
		"default":  func(otherwise, v any) any { return choose(v, otherwise) },
		"coalesce": coalesce,
		"ternary": func(yes, no any, condition bool) any {
			if condition {
				return yes
			}
			return no
		},
		"dict":   dict,
		"list":   func(items ...any) []any { return items },
		"hasKey": func(m map[string]any, key string) bool { _, ok := m[key]; return ok },

		// Time.
		// When the detection was found: a template that is run again for the
		// same detection writes the same. Execute puts the time in.
		"now":        func() time.Time { return time.Time{} },
		"dateInZone": dateInZone,
		"rfc3339":    func(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) },
		"date":       func(layout string, t time.Time) string { return t.UTC().Format(layout) },
		"unix":       func(t time.Time) int64 { return t.Unix() },
		"unixMs":     func(t time.Time) int64 { return t.UnixMilli() },
		"unixNs":     func(t time.Time) int64 { return t.UnixNano() },
	}
}

// text renders any value for a person, without escaping.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	}
	return fmt.Sprint(v)
}

func title(s string) string {
	words := strings.Split(s, " ")
	for i, w := range words {
		if w != "" {
			words[i] = strings.ToUpper(w[:1]) + w[1:]
		}
	}
	return strings.Join(words, " ")
}

func join(sep string, v any) string {
	r := reflect.ValueOf(v)
	if r.Kind() != reflect.Slice && r.Kind() != reflect.Array {
		return text(v)
	}
	parts := make([]string, 0, r.Len())
	for i := range r.Len() {
		parts = append(parts, text(r.Index(i).Interface()))
	}
	return strings.Join(parts, sep)
}

func choose(v, otherwise any) any {
	if truth, ok := template.IsTrue(v); ok && truth {
		return v
	}
	return otherwise
}

func coalesce(items ...any) any {
	for _, v := range items {
		if truth, ok := template.IsTrue(v); ok && truth {
			return v
		}
	}
	return nil
}

func dict(pairs ...any) (map[string]any, error) {
	if len(pairs)%2 != 0 {
		return nil, errors.New("dict: wants pairs of key and value")
	}
	m := make(map[string]any, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[text(pairs[i])] = pairs[i+1]
	}
	return m, nil
}
