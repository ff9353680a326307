package fields

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Table holds the fields that rules of one set of files can name.
type Table struct {
	defs   map[string]*Def
	order  []*Def
	static map[string]string
}

// NewTable returns all fields, and static.<name> for each constant given.
func NewTable(static map[string]string) *Table {
	t := &Table{static: static}
	base := all()
	t.defs, t.order = base.defs, base.order
	return t
}

var all = sync.OnceValue(func() *Table {
	t := &Table{defs: map[string]*Def{}}
	ofProcess := func(defs []Def) []Def {
		for i := range defs {
			defs[i].OfProcess = !defs[i].Has(OfEvent)
		}
		return defs
	}
	for _, group := range [][]Def{eventFields(), ofProcess(processFields()), ofProcess(userFields()), fdFields(), pathFields(), ofProcess(containerFields())} {
		for i := range group {
			d := &group[i]
			if d.Missing != "" {
				d.bind = never
			}
			t.defs[d.Name] = d
			t.order = append(t.order, d)
		}
	}
	return t
})

// All lists the table, constants last.
func (t *Table) All() []*Def {
	out := slices.Clone(t.order)
	for _, name := range slices.Sorted(maps.Keys(t.static)) {
		out = append(out, staticDef("static."+name, t.static[name]))
	}
	return out
}

// Suggested lists the fields that every output line may end with.
func (t *Table) Suggested() []*Def {
	var out []*Def
	for _, d := range t.order {
		if d.Has(Suggested) {
			out = append(out, d)
		}
	}
	return out
}

// UnknownError says that there is no such field, in that form.
type UnknownError struct{ Name, Why string }

// Error implements error.
func (e *UnknownError) Error() string {
	if e.Why == "" {
		return fmt.Sprintf("there is no field %s", e.Name)
	}
	return fmt.Sprintf("there is no field %s: %s", e.Name, e.Why)
}

// Resolve finds the field of a name with its argument. Names that exist in no
// form give an [*UnknownError].
func (t *Table) Resolve(name, arg string, hasArg bool) (*Ref, error) {
	text := name
	if hasArg {
		text += "[" + arg + "]"
	}
	if v, ok := strings.CutPrefix(name, "static."); ok {
		if s, ok := t.static[v]; ok && !hasArg {
			return &Ref{Def: staticDef(name, s), Type: typeOf("string"), N: -1, Text: name}, nil
		}
	}
	if d := t.defs[name]; d != nil {
		return d.ref(text, arg, hasArg)
	}
	for i := strings.LastIndexByte(name, '.'); i > 0; i = strings.LastIndexByte(name[:i], '.') {
		d := t.defs[name[:i]]
		if d == nil || d.Arg != Dot && d.Arg != DotOrIndex {
			continue
		}
		if hasArg {
			return nil, &UnknownError{text, "it takes no argument in brackets"}
		}
		return d.dotted(text, name[i+1:])
	}
	return nil, &UnknownError{Name: text}
}

// ref checks an argument in brackets, or that there is none.
func (d *Def) ref(text, arg string, hasArg bool) (*Ref, error) {
	r := &Ref{Def: d, Type: d.Type, Arg: arg, HasArg: hasArg, N: -1, Text: text}
	if !hasArg {
		if d.Has(NeedArg) {
			return nil, fmt.Errorf("the field %s needs an argument%s", d.Name, d.argHint())
		}
		return r, nil
	}
	if n, err := strconv.ParseUint(arg, 10, 31); err == nil {
		r.N = int(n)
	}
	switch d.Arg {
	case NoArg:
		return nil, &UnknownError{text, d.Name + " takes no argument"}
	case Dot:
		if d.Name == "evt.rawarg" {
			return nil, fmt.Errorf("the field %s needs the name of a parameter: evt.rawarg.NAME", d.Name)
		}
		return nil, &UnknownError{text, "the argument of " + d.Name + " follows a dot"}
	case Index, DotOrIndex:
		if r.N < 0 {
			return nil, fmt.Errorf("the argument of %s must be a number, not %q", d.Name, arg)
		}
	}
	return r, nil
}

// dotted checks an argument behind a dot.
func (d *Def) dotted(text, arg string) (*Ref, error) {
	r := &Ref{Def: d, Type: d.Type, Arg: arg, HasArg: true, N: -1, Text: text}
	switch d.Name {
	case "evt.arg":
		if _, ok := ParamType(arg); !ok {
			return nil, fmt.Errorf("no event has a parameter %q", arg)
		}
	case "evt.rawarg":
		t, ok := ParamType(arg)
		if !ok {
			return nil, fmt.Errorf("no event has a parameter %q", arg)
		}
		r.Type = t
	case "evt.type.is":
		if EventByName(arg) == nil {
			return nil, fmt.Errorf("there is no event type %q", arg)
		}
	case "evt.abspath":
		if arg != "src" && arg != "dst" {
			return nil, &UnknownError{text, "evt.abspath has .src and .dst"}
		}
	}
	return r, nil
}

func (d *Def) argHint() string {
	switch d.Arg {
	case Index:
		return ": " + d.Name + "[N]"
	case Key, IndexOrKey:
		return ": " + d.Name + "[KEY]"
	case Dot:
		return ": " + d.Name + ".NAME"
	case DotOrIndex:
		return ": " + d.Name + ".NAME or " + d.Name + "[N]"
	}
	return ""
}

// Form is how the field is written with an argument, "" when it takes none.
func (d *Def) Form() string {
	_, form, _ := strings.Cut(d.argHint(), ": ")
	if form != "" && d.Has(NeedArg) {
		form += " (needed)"
	}
	return form
}

// TypeName is the name of the type of the field's value.
func (d *Def) TypeName() string {
	name := d.Type.Name
	if name == "-" {
		name = "any"
	}
	if d.List {
		name = "list of " + name
	}
	return name
}

func staticDef(name, value string) *Def {
	return &Def{
		Name: name, Type: typeOf("string"), Flags: Suggested,
		Doc: "A constant of the configuration", From: "the configuration",
		bind: str(func(*Event) (string, bool) { return value, true }),
	}
}
