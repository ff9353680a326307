package builtin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"go.yaml.in/yaml/v4"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/matcher/expr"
	"github.com/tripline/tripline/matcher/input"
	"github.com/tripline/tripline/pkg/msg"
)

// Condition compiles a condition of the rules' own language, such as
//
//	proc.name = nc and not container.id = host
//
// to be asked about detections: it holds if it holds for the detection's event
// as a rule would see it. What a detection does not carry of its event is
// absent; a system call that started a program is seen as its start. The result is safe for concurrent use. The error shows where in the
// text something is wrong.
func Condition(text string) (func(*msg.Detection) bool, error) {
	rule := []map[string]any{{
		"rule": "condition", "desc": "condition", "condition": text, "output": "condition", "priority": "INFO",
		"warn_evttypes": false,
	}}
	content, err := yaml.Dump(rule)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.DiscardHandler)
	prog, problems := expr.New(expr.DefaultConfig(), log).Load([]matcher.File{{Path: "condition.yaml", Content: content}})
	var errs []error
	for _, p := range problems {
		if !p.Warning {
			errs = append(errs, fmt.Errorf("%s in %q", p.Message, text))
		}
	}
	if len(errs) > 0 {
		return nil, errors.Join(errs...)
	}
	if prog == nil || len(prog.Rules()) != 1 {
		return nil, fmt.Errorf("%q is no condition", text)
	}
	w, err := prog.NewWorker()
	if err != nil {
		return nil, err
	}
	var (
		mu     sync.Mutex
		serial uint64
	)
	return func(d *msg.Detection) bool {
		b := asBatch(d.Event)
		if b == nil {
			return false
		}
		mu.Lock()
		defer mu.Unlock()
		serial++
		r := b.Record(0)
		ev := matcher.Event{Record: r, Origin: matcher.OriginOf(r), Serial: serial}
		return holds(w, &ev)
	}, nil
}

// holds evaluates; a condition that fails does not hold.
func holds(w matcher.Worker, ev *matcher.Event) (yes bool) {
	defer func() {
		if recover() != nil {
			yes = false
		}
	}()
	err := w.Match(0, ev, func(matcher.Finding) { yes = true })
	return yes && err == nil
}

// asBatch makes an event of its readable form again, nil where there is none
// or the catalogue does not know it.
func asBatch(e *msg.EventJSON) *msg.Batch {
	if e == nil {
		return nil
	}
	if (e.Name == "execve" || e.Name == "execveat") && e.Return >= 0 {
		// In the language a program that was started is seen as this.
		started := *e
		started.Name = "sched_process_exec"
		e = &started
	}
	line, err := json.Marshal(e)
	if err != nil {
		return nil
	}
	b, err := input.NewJSON(bytes.NewReader(line), func(*input.Malformed) {}).Read()
	if err != nil || len(b.Events) == 0 {
		return nil
	}
	return b
}
