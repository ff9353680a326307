package rego

import (
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
)

// Language compiles Rego rules. It keeps nothing between loads and is safe for
// concurrent use.
type Language struct {
	cfg    Config
	log    *slog.Logger
	caps   *ast.Capabilities
	denied map[string]string
}

// New returns the language. cfg is one that [Config.Validate] accepts.
func New(cfg Config, log *slog.Logger) *Language {
	boundBuiltins()
	caps, denied := allowed()
	return &Language{cfg: cfg, log: log.With("language", "rego"), caps: caps, denied: denied}
}

// Name is "rego".
func (*Language) Name() string { return "rego" }

// Owns accepts *.rego except tests of rules.
func (*Language) Owns(path string) bool {
	return strings.HasSuffix(path, ".rego") && !isTest(path)
}

// Load compiles the files: those named *helpers.rego into a library for all,
// each of the others into one rule with a compiler of its own, since rules of
// one package would otherwise replace parts of each other.
func (l *Language) Load(files []matcher.File) (matcher.Program, []matcher.Problem) {
	var problems []matcher.Problem
	lib, libProblems := l.loadLibrary(files)
	problems = append(problems, libProblems...)

	p := &Program{cfg: l.cfg, log: l.log, packages: lib.packages()}
	memos := memoNames{}
	screened := 0
	for _, f := range files {
		if isLibrary(f.Path) || isTest(f.Path) {
			continue
		}
		s, found := l.loadFile(f, lib, memos)
		problems = append(problems, found...)
		if s == nil {
			continue
		}
		if s.screen != nil {
			screened++
		}
		p.signatures = append(p.signatures, s)
		p.rules = append(p.rules, s.rule)
	}
	p.memos = len(memos)
	l.log.Debug("rules compiled", "rules", len(p.rules), "screened", screened, "problems", len(problems))
	return p, problems
}

// loadFile makes the rule of one file, nil when there is none to run.
func (l *Language) loadFile(f matcher.File, lib library, memos memoNames) (*signature, []matcher.Problem) {
	src := newSource(f)
	mods, err := parseAny(f)
	if err != nil {
		return nil, src.problems(err, l.denied)
	}
	var first []matcher.Problem
	for i, m := range mods {
		s, problems := l.compile(src, m, lib, memos)
		if s != nil {
			sum := sha256.Sum256(f.Content)
			s.rule.Hash = hex.EncodeToString(sum[:])
			return s, problems
		}
		if i == 0 {
			first = problems
		}
	}
	return nil, first
}

// compilerFor returns a compiler that has taken the library and one module.
func (l *Language) compilerFor(lib library, path string, m *ast.Module) (*ast.Compiler, error) {
	mods := lib.modules()
	if m != nil {
		mods[path] = m
	}
	c := ast.NewCompiler().WithCapabilities(l.caps).WithEnablePrintStatements(false)
	if c.Compile(mods); c.Failed() {
		return nil, c.Errors
	}
	return c, nil
}
