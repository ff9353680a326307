package golang

import (
	"github.com/tripline/tripline/pkg/detect/trace"
	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
)

// shape is what all events of one type have in common.
type shape struct {
	name        string
	contentType string
	params      []param
}

// param is how signatures see one parameter.
type param struct {
	meta  trace.ArgMeta
	value func(msg.Value) any
}

// shapes are made when the first event of their type comes; it is for one
// goroutine. Events that the catalogue does not know are not kept.
type shapes []*shape

func (s *shapes) of(r msg.Record) *shape {
	if *s == nil {
		*s = make(shapes, catalogue.MaxID())
	}
	id := r.Event.Type
	if r.Type == nil || int(id) >= len(*s) {
		return newShape(r.Name(), nil)
	}
	if (*s)[id] == nil {
		(*s)[id] = newShape(r.Type.Name, r.Type)
	}
	return (*s)[id]
}

func newShape(name string, e *catalogue.Event) *shape {
	s := &shape{name: name, contentType: trace.EventContentType + "-" + name}
	if e == nil {
		return s
	}
	for i := range e.Params {
		p := &e.Params[i]
		ctype := cType(p.Type)
		out := param{meta: trace.ArgMeta{Name: p.Name, Type: ctype}, value: converterOf(p, ctype)}
		if named(e, p) {
			out.value = nameOf
			if !keepsType(p) {
				out.meta.Type = "string"
			}
		}
		s.params = append(s.params, out)
	}
	return s
}

// arguments lists the arguments that could be had.
func (s *shape) arguments(r msg.Record) []trace.Argument {
	n := min(r.NumArgs(), len(s.params))
	out := make([]trace.Argument, 0, n)
	for i := range n {
		if v, ok := r.ArgAt(i); ok {
			out = append(out, trace.Argument{ArgMeta: s.params[i].meta, Value: s.params[i].value(v)})
		}
	}
	return out
}
