package expr

import (
	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
)

// Fields implements [matcher.Fielder]: the table of fields, with the constants
// of the configuration.
func (l *Language) Fields() []matcher.Field {
	var out []matcher.Field
	for _, d := range fields.NewTable(l.cfg.StaticFields).All() {
		f := matcher.Field{
			Name: d.Name, Type: d.TypeName(), Arg: d.Form(), Doc: d.Doc, Missing: d.Missing,
			Several: d.Has(fields.Each) || d.Has(fields.Either),
		}
		if d.Missing == "" {
			f.From = d.From
		}
		out = append(out, f)
	}
	return out
}
