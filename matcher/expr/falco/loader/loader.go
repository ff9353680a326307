package loader

import (
	"fmt"
	"time"

	"github.com/tripline/tripline/matcher/expr/falco/ast"
	"github.com/tripline/tripline/matcher/expr/falco/check"
	"github.com/tripline/tripline/matcher/expr/falco/fields"
	"github.com/tripline/tripline/matcher/expr/falco/output"
	"github.com/tripline/tripline/pkg/msg"
)

// EngineVersion is the version of Falco's engine whose language this is:
// what required_engine_version is compared with.
const EngineVersion = "0.63.0"

// SourceSyscall is the source of events that rules have unless they say
// otherwise, and the only one there is.
const SourceSyscall = "syscall"

// File is a rule file.
type File struct {
	Path    string
	Content []byte
}

// Options says how to load.
type Options struct {
	// Fields are what rules can look at.
	Fields *fields.Table
	// MinPriority, when not nil, drops rules that are less severe.
	MinPriority *msg.Priority
	// Select turns rules on and off after loading, in order.
	Select []Selection
	// Append adds to outputs.
	Append []Append
	// Plugins are the versions of the plugins whose fields there are.
	Plugins map[string]string
	// Foreign reads conditions given by `expr:`; nil when there is no such key.
	Foreign Foreign
	// Now is the time by which suppressions end, for warnings only; nil for
	// the clock's.
	Now func() time.Time
}

// Foreign turns a condition in another language into a tree, which may name
// macros. lists gives the values of the lists of the rule files.
type Foreign func(src *ast.Source, t *fields.Table, lists func(string) ([]string, bool)) (ast.Node, error)

// ContainerPlugin is the version of Falco's container plugin whose fields the
// table has.
const ContainerPlugin = "0.7.0"

// Rule is a rule that is ready to run.
type Rule struct {
	Name     string
	Source   string
	Desc     string
	Priority msg.Priority
	Tags     []string
	// Condition is the text as written, all appended; Resolved the tree
	// without macros, Compiled what is evaluated.
	Condition string
	Resolved  ast.Node
	Compiled  check.Node
	Types     check.Types
	// Threshold, when not nil, is how many events it takes.
	Threshold *Threshold
	// Sequence, when not nil, is what must happen before; Resolved and Compiled
	// are about its last event then, and Types those of all.
	Sequence *Sequence
	// Suppress lists what the rule leaves alone for a time.
	Suppress []Suppression
	// OutputText is as written; Output what is rendered, with what the
	// configuration appends, of which Extra are for JSON only.
	OutputText string
	Output     *output.Format
	Extra      []ExtraField
	Enabled    bool
	// Dropped rules are less severe than the configuration asks for: they are
	// off whatever turns rules on.
	Dropped bool
	Capture bool
	// CaptureDuration is in milliseconds, 0 for the default.
	CaptureDuration uint64
	// Missing lists fields that the rule uses and Tripline cannot have.
	Missing []*fields.Def
	// Environment names the environment variables that the rule looks at or
	// shows, as [fields.Ref.Environment] has them, sorted.
	Environment []string
	At          ast.Place
}

// ExtraField is a field that the configuration adds to results.
type ExtraField struct {
	Name   string
	Format *output.Format
}

// Problem is something wrong, or probably wrong.
type Problem struct {
	Warning bool
	Code    string
	At      ast.Place
	// Kind and Item say what it is in: "rule" and the rule's name, "exception"
	// and its name; Rule is the rule that it belongs to, if any.
	Kind, Item, Rule string
	Msg              string
}

// The codes of problems: Falco's.
const (
	ErrYAMLParse        = "LOAD_ERR_YAML_PARSE"
	ErrYAMLValidate     = "LOAD_ERR_YAML_VALIDATE"
	ErrValidate         = "LOAD_ERR_VALIDATE"
	ErrCompileCondition = "LOAD_ERR_COMPILE_CONDITION"
	ErrCompileOutput    = "LOAD_ERR_COMPILE_OUTPUT"

	WarnUnknownSource  = "LOAD_UNKNOWN_SOURCE"
	WarnUnsafeNA       = "LOAD_UNSAFE_NA_CHECK"
	WarnNoEventType    = "LOAD_NO_EVTTYPE"
	WarnUnknownFilter  = "LOAD_UNKNOWN_FILTER"
	WarnUnusedMacro    = "LOAD_UNUSED_MACRO"
	WarnUnusedList     = "LOAD_UNUSED_LIST"
	WarnUnknownItem    = "LOAD_UNKNOWN_ITEM"
	WarnUnknownKey     = "LOAD_UNKNOWN_KEY"
	WarnDeprecated     = "LOAD_DEPRECATED_ITEM"
	WarnAppendNoValues = "LOAD_APPEND_NO_VALUES"
	WarnExceptionName  = "LOAD_EXCEPTION_NAME_NOT_UNIQUE"
	WarnMacroName      = "LOAD_INVALID_MACRO_NAME"
	WarnListName       = "LOAD_INVALID_LIST_NAME"
	WarnCondition      = "LOAD_COMPILE_CONDITION"

	// These are ours alone.
	WarnFieldNotAvailable = "LOAD_FIELD_NOT_AVAILABLE"
	WarnExceptionKey      = "LOAD_UNKNOWN_EXCEPTION_KEY"
	WarnSuppressExpired   = "LOAD_SUPPRESS_EXPIRED"
)

// Result is what was loaded.
type Result struct {
	// Rules are in load order, those that are off included.
	Rules []*Rule
	// Problems are in the order in which they were found.
	Problems []Problem
	// Unused lists problems of definitions that nothing uses.
	Unused []Problem
}

// Loader collects files one by one.
type Loader struct {
	opt      Options
	lists    []*list
	macros   []*macro
	rules    []*rule
	seq      int
	problems []Problem
	seen     map[string]bool
	plugins  []pluginNeed
	rulesOut []*Rule
	unused   []Problem
}

// New returns an empty loader.
func New(opt Options) *Loader {
	if opt.Fields == nil {
		opt.Fields = fields.NewTable(nil)
	}
	if opt.Plugins == nil {
		opt.Plugins = map[string]string{"container": ContainerPlugin}
	}
	return &Loader{opt: opt, seen: map[string]bool{}}
}

// Load reads files in order.
func Load(files []File, opt Options) Result {
	l := New(opt)
	for _, f := range files {
		l.Add(f)
	}
	return l.Finish()
}

// Add collects a file and compiles everything so far.
func (l *Loader) Add(f File) {
	l.collect(f)
	l.compile()
}

// Unused lists the definitions that nothing uses in the files so far.
func (l *Loader) Unused() []Problem { return l.unused }

// Finish applies what comes after the last file.
func (l *Loader) Finish() Result {
	if l.rulesOut == nil {
		l.compile()
	}
	l.checkPlugins()
	Select(l.rulesOut, l.opt.Select)
	return Result{Rules: l.rulesOut, Problems: append(l.problems, l.unused...), Unused: l.unused}
}

// report keeps a problem, once.
func (l *Loader) report(p Problem) {
	key := fmt.Sprint(p.Code, p.At.File, p.At.Line, p.At.Column, p.Item, p.Msg)
	if l.seen[key] {
		return
	}
	l.seen[key] = true
	l.problems = append(l.problems, p)
}
