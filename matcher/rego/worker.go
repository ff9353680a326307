package rego

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/topdown/cache"

	"github.com/tripline/tripline/matcher"
)

// maxPatterns bounds how many compiled regular expressions a worker keeps. A
// rule that makes patterns of what it sees in events cannot grow it further.
const maxPatterns = 2048

// worker evaluates for one goroutine.
type worker struct {
	p       *Program
	queries []ruleQueries
	doc     *document
	// serial is of the event that doc and shared are about.
	serial  uint64
	began   bool
	shared  topdown.VirtualCache
	limit   limit
	machine *machine
	// screens are the rules' screens, nil for those that have none or whose
	// screen has failed this worker.
	screens []*screen
}

// ruleQueries are the questions of one rule; output is nil where it has none.
type ruleQueries struct{ match, output *topdown.Query }

func newWorker(p *Program) (*worker, error) {
	store, txn, err := emptyStore()
	if err != nil {
		return nil, err
	}
	patterns := maxPatterns
	values := cache.NewInterQueryValueCache(context.Background(),
		&cache.Config{InterQueryBuiltinValueCache: cache.InterQueryBuiltinValueCacheConfig{MaxNumEntries: &patterns}})
	w := &worker{p: p, doc: newDocument(p.cfg.MaxString), limit: limit{after: p.cfg.TimeLimit}}
	w.machine = newMachine(w.doc, p.memos, values)
	prepare := func(s *signature, q *query) *topdown.Query {
		if q == nil {
			return nil
		}
		return topdown.NewQuery(q.body).WithQueryCompiler(q.qc).WithCompiler(s.compiler).
			WithStore(store).WithTransaction(txn).WithMetrics(metrics.NoOp()).
			// No rule can ask for the time or for chance; giving both
			// saves OPA from reading them for every event.
			WithTime(time.Unix(0, 1)).WithSeed(noSeed{}).
			WithInterQueryBuiltinValueCache(values)
	}
	for _, s := range p.signatures {
		w.screens = append(w.screens, s.screen)
		w.queries = append(w.queries, ruleQueries{match: prepare(s, s.match), output: prepare(s, s.output)})
	}
	return w, nil
}

// emptyStore is the data document that rules are compiled into: nothing but
// them is in it.
func emptyStore() (storage.Store, storage.Transaction, error) {
	store := inmem.New()
	txn, err := store.NewTransaction(context.Background())
	return store, txn, err
}

// noSeed is the source of chance that no built-in function is left to read.
type noSeed struct{}

func (noSeed) Read([]byte) (int, error) { return 0, fmt.Errorf("rules have no source of chance") }

// Match holds the event against the i-th rule.
func (w *worker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	if !w.began || w.serial != ev.Serial {
		w.began, w.serial = true, ev.Serial
		w.doc.reset(ev)
		w.machine.begin(ev)
		w.shared = nil
	}
	if w.screens[i] != nil && w.dismiss(i) {
		return nil
	}
	return w.ask(i, found)
}

// dismiss says whether the rule's screen rules the event out. A screen that
// panics is a mistake of ours or of a built-in function; the rule goes on
// without it.
func (w *worker) dismiss(i int) (out bool) {
	defer func() {
		if r := recover(); r != nil {
			out = false
			w.screens[i] = nil
			w.p.log.Error("the screen of a rule failed: OPA alone evaluates it from now on", "rule", w.p.rules[i].Info.ID,
				"file", w.p.rules[i].File, "panic", r)
		}
	}()
	return w.machine.dismiss(w.screens[i])
}

// Forget does nothing: Rego rules keep no state.
func (*worker) Forget(uint32) {}

// ask puts the event to OPA and reports what it finds.
func (w *worker) ask(i int, found func(matcher.Finding)) error {
	result, err := w.run(i, w.queries[i].match)
	if err != nil || result == nil {
		return err
	}
	var f matcher.Finding
	switch v := result.(type) {
	case ast.Boolean:
		if !v {
			return nil
		}
	case ast.Object:
		if sizeOf(v, maxMade) > maxMade {
			return fmt.Errorf("the finding's data: %w", ErrTooLarge)
		}
		data, err := toGo(v)
		if err != nil {
			return err
		}
		f.Data = data.(map[string]any)
	default:
		// Tracee takes a result of any other type for none.
		return nil
	}
	if q := w.queries[i].output; q != nil {
		out, err := w.run(i, q)
		if err != nil {
			return err
		}
		if s, ok := out.(ast.String); ok {
			f.Output = string(s)
		}
	}
	found(f)
	return nil
}

// run evaluates one question within the time limit; nil means undefined. A
// machine under load may keep any goroutine waiting for longer than the limit,
// so a rule has overrun only when it does so twice.
func (w *worker) run(i int, q *topdown.Query) (ast.Value, error) {
	result, err := w.runOnce(i, q)
	if errors.Is(err, ErrTimeLimit) {
		result, err = w.runOnce(i, q)
	}
	return result, err
}

func (w *worker) runOnce(i int, q *topdown.Query) (result ast.Value, err error) {
	defer func() {
		if r := recover(); r != nil {
			result, err = nil, fmt.Errorf("evaluation panicked: %v", r)
		}
	}()
	cancel := w.limit.start()
	defer w.limit.stop()
	q.WithInput(w.doc.input()).WithCancel(cancel).WithVirtualCache(w.cacheFor(i))
	err = q.Iter(context.Background(), func(r topdown.QueryResult) error {
		if t := r[answer]; t != nil {
			result = t.Value
		}
		return nil
	})
	if topdown.IsCancel(err) {
		// What was under way is not to be built upon.
		w.shared = nil
		return nil, fmt.Errorf("stopped after %v: %w", w.p.cfg.TimeLimit, ErrTimeLimit)
	}
	return result, err
}

// cacheFor returns where OPA keeps intermediate results of a rule for this
// event: what helpers return is shared by the rules, the rest is the rule's.
func (w *worker) cacheFor(i int) topdown.VirtualCache {
	if w.p.signatures[i].own {
		return topdown.NewVirtualCache()
	}
	if w.shared == nil {
		w.shared = topdown.NewVirtualCache()
	}
	return &splitCache{lib: w.p.packages, shared: w.shared, own: topdown.NewVirtualCache()}
}
