package expr

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr/exprlang"
	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/loader"
	"github.com/tripline/tripline/pkg/msg"
)

// Name is the name of the language.
const Name = "expr"

// Language is the YAML rule language.
type Language struct {
	cfg Config
	log *slog.Logger
}

// New returns the language. The configuration must be valid.
func New(cfg Config, log *slog.Logger) *Language {
	return &Language{cfg: cfg, log: log.With("language", Name)}
}

// Name implements [matcher.Language].
func (l *Language) Name() string { return Name }

// Owns implements [matcher.Language]: YAML files that are not tests.
func (l *Language) Owns(path string) bool {
	stem, yml := strings.CutSuffix(path, ".yml")
	if !yml {
		var ok bool
		if stem, ok = strings.CutSuffix(path, ".yaml"); !ok {
			return false
		}
	}
	return !strings.HasSuffix(stem, "_test")
}

// Load implements [matcher.Language].
func (l *Language) Load(files []matcher.File) (matcher.Program, []matcher.Problem) {
	in := make([]loader.File, len(files))
	hashes := map[string]string{}
	for i, f := range files {
		in[i] = loader.File{Path: f.Path, Content: f.Content}
		sum := sha256.Sum256(f.Content)
		hashes[f.Path] = hex.EncodeToString(sum[:])
	}
	opt := l.cfg.options()
	opt.Foreign = exprlang.Parse
	res := loader.Load(in, opt)
	p := &Program{cfg: l.cfg, loaded: res.Rules, log: l.log}
	for _, r := range res.Rules {
		p.rules = append(p.rules, describe(r, hashes))
	}
	problems := make([]matcher.Problem, 0, len(res.Problems))
	for _, x := range res.Problems {
		problems = append(problems, problem(x))
	}
	for _, r := range res.Rules {
		if r.Enabled && len(selectors(r)) == 0 {
			problems = append(problems, matcher.Problem{
				Warning: true, Code: CodeNoEvent, File: r.At.File, Line: r.At.Line, Column: r.At.Column, Rule: r.Name, Snippet: r.At.Snippet,
				Message: "the condition holds for no event that the sensor can see, so the rule never fires",
			})
		}
	}
	return p, problems
}

// CodeNoEvent marks a rule for which there are no events.
const CodeNoEvent = "LOAD_NO_EVENT"

func problem(p loader.Problem) matcher.Problem {
	m := matcher.Problem{
		Warning: p.Warning, Code: p.Code, File: p.At.File, Line: p.At.Line, Column: p.At.Column,
		Message: p.Msg, Snippet: p.At.Snippet,
	}
	m.Rule = p.Rule
	if p.Rule == "" && p.Item != "" {
		m.Message = p.Kind + " '" + p.Item + "': " + p.Msg
	}
	return m
}

var technique = regexp.MustCompile(`^T\d{4}(\.\d{3})?$`)

// describe makes the matcher's view of a rule.
func describe(r *loader.Rule, hashes map[string]string) matcher.Rule {
	info := msg.RuleInfo{ID: id(r.Name), Name: r.Name, Language: Name, Description: strings.TrimSpace(r.Desc), Tags: r.Tags}
	for _, t := range r.Tags {
		if technique.MatchString(t) {
			info.MITRE = t
			break
		}
	}
	return matcher.Rule{
		Info: info, Priority: r.Priority, Select: selectors(r), Disabled: !r.Enabled,
		File: r.At.File, Line: r.At.Line, Hash: hashes[r.At.File], Window: window(r), Environment: r.Environment,
	}
}

// window is how far back the events may lie that a rule is about.
func window(r *loader.Rule) time.Duration {
	switch {
	case r.Threshold != nil:
		return r.Threshold.Within
	case r.Sequence != nil:
		return r.Sequence.Within + r.Sequence.Wait + slack
	}
	return 0
}

// id makes a token of a rule's name.
func id(name string) string {
	var b strings.Builder
	dash := false
	for _, c := range strings.ToLower(name) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c > 0x7f {
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			b.WriteRune(c)
			dash = false
			continue
		}
		dash = true
	}
	return b.String()
}

// selectors lists the events that a rule is held against.
func selectors(r *loader.Rule) []matcher.Selector {
	if r.Sequence == nil {
		return selectorsOf(r.Resolved, r.Types)
	}
	var out []matcher.Selector
	for _, st := range r.Sequence.Steps {
		for _, s := range selectorsOf(st.Resolved, st.Types) {
			if !slices.ContainsFunc(out, func(o matcher.Selector) bool { return o.Event == s.Event && o.Origin == s.Origin }) {
				out = append(out, s)
			}
		}
	}
	return out
}

// selectorsOf lists the events for which a condition can hold.
func selectorsOf(resolved ast.Node, types check.Types) []matcher.Selector {
	origin := originOf(resolved)
	if types.Except {
		return []matcher.Selector{{Origin: origin}}
	}
	var out []matcher.Selector
	seen := map[string]bool{}
	succeeds := always(resolved, succeeded)
	for _, name := range types.Sorted() {
		for _, event := range fields.CatalogueNames(name) {
			// Of the calls that start a program only those that fail are seen as
			// calls.
			if succeeds && (event == "execve" || event == "execveat") {
				continue
			}
			if !seen[event] {
				seen[event] = true
				out = append(out, matcher.Selector{Event: event, Origin: origin})
			}
		}
	}
	return out
}

// originOf finds whether a condition can only hold in a container, or only on
// the host, from a comparison of container.id that it always makes.
func originOf(n ast.Node) matcher.Origin {
	switch {
	case always(n, func(c *ast.Check) bool { return compares(c, "container.id", "!=", "host") }):
		return matcher.ContainerOrigin
	case always(n, func(c *ast.Check) bool { return compares(c, "container.id", "=", "host") }):
		return matcher.HostOrigin
	}
	return matcher.AnyOrigin
}

// succeeded says whether a comparison only holds for calls that worked.
func succeeded(c *ast.Check) bool {
	return compares(c, "evt.rawres", ">=", "0") || compares(c, "evt.rawres", "=", "0") ||
		compares(c, "evt.failed", "=", "false") || compares(c, "evt.res", "=", "SUCCESS")
}

// always says whether a condition can only hold when some comparison does.
func always(n ast.Node, f func(*ast.Check) bool) bool {
	switch n := n.(type) {
	case *ast.And:
		for _, k := range n.Kids {
			if always(k, f) {
				return true
			}
		}
	case *ast.Check:
		return f(n)
	}
	return false
}

// compares says whether a check compares a field with one constant.
func compares(c *ast.Check, field, op, value string) bool {
	f, ok := c.Left.(*ast.Field)
	v, has := c.Right.(*ast.Values)
	return ok && has && f.Name == field && !f.HasArg && c.Mod == "" && strings.Replace(c.Op, "==", "=", 1) == op &&
		len(v.Items) == 1 && v.Items[0].Text == value
}

// Program is compiled rules.
type Program struct {
	cfg    Config
	loaded []*loader.Rule
	rules  []matcher.Rule
	log    *slog.Logger

	evicted, suppressed atomic.Uint64
}

// Evicted is how many groups of rules about several events were dropped before
// their time was over, since there was more to remember than
// [Config.MaxState] and [Config.MaxStateBytes] allow.
func (p *Program) Evicted() uint64 { return p.evicted.Load() }

// Suppressed is how many events were left alone that a rule's condition holds for.
func (p *Program) Suppressed() uint64 { return p.suppressed.Load() }

// Counters implements [matcher.Counter].
func (p *Program) Counters() map[string]uint64 {
	return map[string]uint64{"state_evicted": p.Evicted(), "suppressed": p.Suppressed()}
}

// evict counts a group of a rule that is dropped, and says so ever less often.
func (p *Program) evict(rule string) {
	if n := p.evicted.Add(1); n&(n-1) == 0 {
		p.log.Warn("a rule about several events has more to remember than max_state and max_state_bytes allow: what changed longest ago is dropped", "rule", rule, "dropped", n)
	}
}

// Rules implements [matcher.Program].
func (p *Program) Rules() []matcher.Rule { return p.rules }
