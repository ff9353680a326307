package check

import (
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// option is one that a command line sets: its letter and, where it takes one,
// its value.
type option struct {
	letter byte
	value  string
	valued bool
}

// scanOptions reads short options as getopt(3) does, up to the first argument
// that is none. An unknown one is '?'; long ones are skipped.
func scanOptions(args []string, spec string) []option {
	spec = strings.TrimLeft(spec, ":+-")
	var out []option
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" || len(a) < 2 || a[0] != '-' {
			break
		}
		if strings.HasPrefix(a, "--") {
			continue
		}
		for j := 1; j < len(a); j++ {
			at := strings.IndexByte(spec, a[j])
			if at < 0 || a[j] == ':' {
				out = append(out, option{letter: '?'})
				continue
			}
			o := option{letter: a[j]}
			if at+1 >= len(spec) || spec[at+1] != ':' {
				out = append(out, o)
				continue
			}
			switch {
			case j+1 < len(a):
				o.value, o.valued = a[j+1:], true
			case i+1 < len(args):
				i++
				o.value, o.valued = args[i], true
			default:
				// The value is missing: an empty text stands for the option.
				o = option{valued: true}
			}
			out = append(out, o)
			break
		}
	}
	return out
}

// bindGetopt lists letters and values, or gives the value of one option.
func bindGetopt(o *operand, args []*fields.Getter) *fields.Getter {
	read := func() ([]option, bool) {
		list, ok := args[0].List()
		spec, has := args[1].Str()
		if !ok || !has {
			return nil, false
		}
		return scanOptions(list, spec), true
	}
	if o.sel != "" {
		return &fields.Getter{Str: func() (s string, found bool) {
			opts, _ := read()
			for _, p := range opts {
				if p.letter != o.sel[0] {
					continue
				}
				s, found = string(p.letter), true
				if p.valued {
					s = p.value
				}
			}
			return s, found
		}}
	}
	return &fields.Getter{List: func() ([]string, bool) {
		opts, ok := read()
		out := []string{}
		for _, p := range opts {
			if p.letter != 0 {
				out = append(out, string(p.letter))
			}
			if p.valued {
				out = append(out, p.value)
			}
		}
		return out, ok
	}}
}
