package rego

import (
	"log/slog"

	"github.com/open-policy-agent/opa/v1/ast"

	"github.com/tripline/tripline/matcher"
)

// Program is the compiled rules. It does not change and is shared by workers.
type Program struct {
	cfg        Config
	log        *slog.Logger
	rules      []matcher.Rule
	signatures []*signature
	// packages are the library's: what they return for an event is shared.
	packages []ast.Ref
	// memos is how many results the screens of an event remember.
	memos int
}

// Rules lists the rules in the order of their files.
func (p *Program) Rules() []matcher.Rule { return p.rules }

// NewWorker makes an evaluator with its own queries and caches.
func (p *Program) NewWorker() (matcher.Worker, error) { return newWorker(p) }

// signature is one compiled rule.
type signature struct {
	rule     matcher.Rule
	compiler *ast.Compiler
	// match asks for the result, output for the line to print; output is nil
	// where the rule has none.
	match  *query
	output *query
	// own is true when the rule's package holds or is part of a library
	// package, so that what its helpers return is its own.
	own bool
	// screen is nil when every event has to be put to OPA.
	screen *screen
}

// query is a question prepared for a compiler.
type query struct {
	qc   ast.QueryCompiler
	body ast.Body
}

// answer is the variable that a query binds.
const answer = ast.Var("answer")

// newQuery prepares "answer = ref".
func newQuery(c *ast.Compiler, ref ast.Ref) (*query, error) {
	qc := c.QueryCompiler()
	body, err := qc.Compile(ast.NewBody(ast.Equality.Expr(ast.NewTerm(answer), ast.NewTerm(ref))))
	if err != nil {
		return nil, err
	}
	return &query{qc: qc, body: body}, nil
}
