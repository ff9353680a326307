package loader

import (
	"errors"
	"slices"
	"strings"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/output"
)

// compile makes rules of everything that was collected.
func (l *Loader) compile() {
	items := l.compiledLists()
	for _, m := range l.macros {
		m.used, m.done, m.failed, m.visiting, m.tree = false, false, false, false, nil
	}
	for _, m := range l.macros {
		l.resolveMacro(m, items)
	}
	l.rulesOut = l.rulesOut[:0]
	for _, r := range l.rules {
		if out := l.compileRule(r, items); out != nil {
			l.rulesOut = append(l.rulesOut, out)
		}
	}
	l.unused = l.unused[:0]
	for _, m := range l.macros {
		if !m.used {
			l.unused = append(l.unused, Problem{Warning: true, Code: WarnUnusedMacro, At: m.at, Kind: "macro", Item: m.name, Msg: "no rule and no macro uses this macro"})
		}
	}
	for _, x := range l.lists {
		if !x.used {
			l.unused = append(l.unused, Problem{Warning: true, Code: WarnUnusedList, At: x.at, Kind: "list", Item: x.name, Msg: "no rule, macro or list uses this list"})
		}
	}
}

// conditionError reports an error in a condition or an output.
func (l *Loader) conditionError(kind, name, code string, err error) {
	p := Problem{Code: code, Kind: kind, Item: name, Msg: err.Error()}
	if kind == "rule" {
		p.Rule = name
	}
	var at *ast.Error
	if errors.As(err, &at) {
		p.At = at.At.Place()
	}
	l.report(p)
}

// compileRule returns nil for a rule that cannot run.
func (l *Loader) compileRule(r *rule, items [][]listItem) *Rule {
	if r.unknownSource {
		return nil
	}
	out := &Rule{
		Name: r.name, Source: r.source, Desc: r.desc, Priority: r.priority, Tags: r.tags,
		Condition: r.cond.Text, OutputText: r.output.Text, Enabled: r.enabled,
		Capture: r.capture, CaptureDuration: r.captureDuration, At: r.at, Types: check.AllTypes(), Threshold: r.threshold,
	}
	if r.priority > l.opt.minPriority() {
		out.Dropped, out.Enabled = true, false
	}
	// The output comes first, as in Falco; what is wrong with the condition is
	// reported all the same.
	formatted := l.compileOutput(r, out)
	if !l.compileCondition(r, out, items) || !formatted {
		return nil
	}
	return out
}

// compileOutput fills in what is printed.
func (l *Loader) compileOutput(r *rule, out *Rule) bool {
	text := l.withoutInfo(r)
	format, err := output.Compile(text, l.opt.Fields)
	if err != nil {
		l.ruleError(r, ErrCompileOutput, err)
		return false
	}
	out.Output = format
	for _, name := range deprecatedFields() {
		if at := strings.Index(text.Text, name); at >= 0 {
			l.ruleWarning(r, WarnDeprecated, ast.Pos{Src: text, Off: at}, "the field '"+name+"' in the output is deprecated: it says nothing any more")
		}
	}
	for _, ref := range format.Refs() {
		l.missing(r, out, ref, ast.Pos{Src: r.output})
	}
	l.appendOutput(r, out)
	for _, ref := range out.Output.Refs() {
		out.uses(ref)
	}
	for _, x := range out.Extra {
		for _, ref := range x.Format.Refs() {
			out.uses(ref)
		}
	}
	return true
}

// infoField is a field that outputs once had and that is taken out of them.
const infoField = "%container.info"

// withoutInfo is the output of a rule without the field that is no more.
func (l *Loader) withoutInfo(r *rule) *ast.Source {
	text := r.output
	for {
		at := strings.Index(text.Text, infoField)
		if at < 0 {
			return text
		}
		l.ruleWarning(r, WarnDeprecated, ast.Pos{Src: text, Off: at}, "the field container.info is taken out of the output: fields of the container are appended to every output")
		text = text.Splice(at, at+len(infoField))
	}
}

// condition is a condition to compile, with the exceptions to it.
type condition struct {
	src        *ast.Source
	foreign    bool
	exceptions *ast.Source
}

// done is what comes of a condition.
type done struct {
	resolved ast.Node
	compiled check.Node
	types    check.Types
}

// compileCondition fills in what comes of the condition.
func (l *Loader) compileCondition(r *rule, out *Rule, items [][]listItem) bool {
	if r.sequence != nil {
		if !l.compileSequence(r, out, items) {
			return false
		}
	} else {
		got, ok := l.compileOne(r, out, condition{r.cond, r.foreign, r.exceptionsOnly()}, items)
		if !ok {
			return false
		}
		out.Resolved, out.Compiled, out.Types = got.resolved, got.compiled, got.types
	}
	if r.warnTypes && out.Types.Many() {
		l.report(Problem{
			Warning: true, Code: WarnNoEventType, At: r.at, Kind: "rule", Item: r.name, Rule: r.name,
			Msg: "the condition holds for too many event types, which costs time on every event: compare evt.type, or set warn_evttypes: false",
		})
	}
	if !l.compileSuppressions(r, out, items) {
		return false
	}
	for _, x := range r.threshold.operands() {
		for _, ref := range x.Refs() {
			l.missing(r, out, ref, x.At)
		}
	}
	return true
}

// compileOne compiles a condition of a rule.
func (l *Loader) compileOne(r *rule, out *Rule, c condition, items [][]listItem) (d done, ok bool) {
	tree, ok := l.tree(r, c, items)
	if !ok {
		return d, false
	}
	tree, err := l.substitute(tree, items, func(*macro) bool { return true })
	if err != nil {
		l.ruleError(r, ErrValidate, err)
		return d, false
	}
	d.resolved = tree
	said := map[string]bool{}
	for _, w := range Suspicious(tree) {
		if said[w.Msg] {
			continue
		}
		said[w.Msg] = true
		l.ruleWarning(r, w.Code, w.At, w.Msg)
	}
	compiled, warnings, err := check.Compile(tree, l.opt.Fields)
	if err != nil {
		l.ruleError(r, ErrCompileCondition, err)
		return d, false
	}
	d.compiled = compiled
	if d.types, err = check.EventTypes(tree); err != nil {
		l.ruleError(r, ErrCompileCondition, err)
		return d, false
	}
	for _, w := range warnings {
		l.ruleWarning(r, WarnCondition, w.At, w.Msg)
	}
	check.Tests(compiled, func(t *check.Test) {
		for _, ref := range t.Refs() {
			l.missing(r, out, ref, t.At)
		}
	})
	return d, true
}

// tree parses a condition, in whichever language, with the exceptions to it.
func (l *Loader) tree(r *rule, c condition, items [][]listItem) (ast.Node, bool) {
	if !c.foreign {
		tree, err := l.parse(l.expandLists(withExceptions(c.src, c.exceptions), items))
		if err != nil {
			l.ruleError(r, ErrCompileCondition, err)
		}
		return tree, err == nil
	}
	tree, err := l.opt.Foreign(c.src, l.opt.Fields, func(name string) ([]string, bool) { return l.listItems(name, items) })
	if err == nil && c.exceptions != nil {
		var not ast.Node
		if not, err = l.parse(l.expandLists(c.exceptions, items)); err == nil {
			tree = &ast.And{At: tree.Where(), Kids: []ast.Node{tree, not}}
		}
	}
	if err != nil {
		l.ruleError(r, ErrCompileCondition, err)
	}
	return tree, err == nil
}

// listItems are the values of a list, for conditions in another language.
func (l *Loader) listItems(name string, items [][]listItem) ([]string, bool) {
	for i, x := range l.lists {
		if x.name != name {
			continue
		}
		x.used = true
		out := make([]string, 0, len(items[i]))
		for _, item := range items[i] {
			it := item.text
			if n := len(it); n > 1 && (it[0] == '"' || it[0] == '\'') && it[n-1] == it[0] {
				it = it[1 : n-1]
			}
			out = append(out, it)
		}
		return out, true
	}
	return nil, false
}

// uses notes what a field needs of environments.
func (r *Rule) uses(ref *fields.Ref) {
	name := ref.Environment()
	if i, known := slices.BinarySearch(r.Environment, name); name != "" && !known {
		r.Environment = slices.Insert(r.Environment, i, name)
	}
}

// missing notes a field that has no value here, and warns once.
func (l *Loader) missing(r *rule, out *Rule, ref *fields.Ref, at ast.Pos) {
	out.uses(ref)
	if ref.Def.Missing == "" {
		return
	}
	for _, d := range out.Missing {
		if d == ref.Def {
			return
		}
	}
	out.Missing = append(out.Missing, ref.Def)
	l.ruleWarning(r, WarnFieldNotAvailable, at, "the field "+ref.Def.Name+" never has a value: "+ref.Def.Missing)
}

// ruleError reports an error of a rule, which an unknown field or event type
// is not where the rule says so.
func (l *Loader) ruleError(r *rule, code string, err error) {
	var e *ast.Error
	if r.skipUnknown && errors.As(err, &e) && e.Unknown {
		l.ruleWarning(r, WarnUnknownFilter, e.At, err.Error()+": the rule is left out")
		return
	}
	l.conditionError("rule", r.name, code, err)
}

func (l *Loader) ruleWarning(r *rule, code string, at ast.Pos, text string) {
	l.report(Problem{Warning: true, Code: code, At: at.Place(), Kind: "rule", Item: r.name, Rule: r.name, Msg: text})
}

// Suspicion is a warning about a condition that needs no types.
type Suspicion struct {
	Code string
	At   ast.Pos
	Msg  string
}

// Suspicious finds comparisons that hardly mean what they say.
func Suspicious(n ast.Node) []Suspicion {
	var out []Suspicion
	ast.Walk(n, func(n ast.Node) bool {
		c, ok := n.(*ast.Check)
		if !ok {
			return true
		}
		c.Fields(func(f *ast.Field) {
			if contains(deprecatedFields(), f.Name) {
				out = append(out, Suspicion{WarnDeprecated, f.At, "the field '" + f.Name + "' is deprecated: it says nothing any more"})
			}
		})
		f, ok := c.Left.(*ast.Field)
		if !ok || !strings.HasPrefix(f.Name, "ka.") && !strings.HasPrefix(f.Name, "jevt.") {
			return true
		}
		switch c.Op {
		case "=", "==", "!=", "in", "intersects", "pmatch":
		default:
			return true
		}
		if v, ok := c.Right.(*ast.Values); ok {
			for _, x := range v.Items {
				if x.Text == output.Absent {
					out = append(out, Suspicion{WarnUnsafeNA, x.At, "comparing " + f.Name + " with " + output.Absent + " does not find out whether it is absent: use exists"})
				}
			}
		}
		return true
	})
	return out
}

// deprecatedFields lists the fields whose use is worth a warning.
func deprecatedFields() []string {
	return []string{"evt.dir", "evt.latency", "evt.latency.s", "evt.latency.ns", "evt.latency.human", "evt.wait_latency"}
}
