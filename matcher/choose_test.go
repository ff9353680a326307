package matcher_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tripline/tripline/matcher"
	"github.com/tripline/tripline/pkg/msg"
)

// choosy is a language whose worker chooses: rules named after numbers, of which
// those find something that divide the event's number.
type choosy struct {
	rules  []int
	choose func(seq int) // called when it chooses
	asked  *[]int        // the rules that were asked
}

func (choosy) Name() string                         { return "choosy" }
func (choosy) Owns(p string) bool                   { return strings.HasSuffix(p, ".choosy") }
func (c choosy) NewWorker() (matcher.Worker, error) { return choosyWorker(c), nil }

func (c choosy) Load([]matcher.File) (matcher.Program, []matcher.Problem) { return c, nil }

func (c choosy) Rules() (out []matcher.Rule) {
	for _, n := range c.rules {
		r := matcher.Rule{Info: msg.RuleInfo{ID: fmt.Sprint(n)}, Select: []matcher.Selector{{Event: "sched_process_exec"}}}
		if n == 7 {
			r.Select[0].Origin = matcher.ContainerOrigin
		}
		out = append(out, r)
	}
	return out
}

type choosyWorker choosy

func (w choosyWorker) finds(i int, ev *matcher.Event) bool { return int(ev.Event.Seq)%w.rules[i] == 0 }

func (w choosyWorker) Choose(ev *matcher.Event) (out []int32) {
	w.choose(int(ev.Event.Seq))
	for i := range w.rules {
		if w.finds(i, ev) {
			out = append(out, int32(i))
		}
	}
	return out
}

func (w choosyWorker) Match(i int, ev *matcher.Event, found func(matcher.Finding)) error {
	*w.asked = append(*w.asked, w.rules[i])
	if w.finds(i, ev) {
		found(matcher.Finding{})
	}
	return nil
}

func (choosyWorker) Forget(uint32) {}

// choosing runs execs with these numbers and returns what was found by event,
// and which rules were asked.
func choosing(t *testing.T, choose func(int), log *bytes.Buffer, container string, seqs ...int) (found []string, asked []int) {
	t.Helper()
	c := choosy{rules: []int{2, 3, 5, 7}, choose: choose, asked: &asked}
	langs := append([]matcher.Language{c}, goLanguage(everyTime("GO", "sched_process_exec"))...)
	cfg := config()
	cfg.Guard.Overrun = 20 * time.Millisecond
	e, err := matcher.NewEvaluator(mustLoad(t, cfg, langs), slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	for _, n := range seqs {
		e.Batch(batch(t, exec(uint64(n), "/x", container)), func(d *msg.Detection) { found = append(found, fmt.Sprintf("%d:%s", n, d.Rule.ID)) })
	}
	return found, asked
}

// TestChooser: only rules that are chosen and want the event are asked, and
// those of other languages are not touched by that.
func TestChooser(t *testing.T) {
	var log bytes.Buffer
	found, asked := choosing(t, func(int) {}, &log, "", 6, 7, 10)
	if want := []string{"6:2", "6:3", "6:GO", "7:GO", "10:2", "10:5", "10:GO"}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	if want := []int{2, 3, 2, 5}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if found, _ = choosing(t, func(int) {}, &log, "abc", 7); !slices.Equal(found, []string{"7:7", "7:GO"}) {
		t.Errorf("in a container, found %v", found)
	}
	if log.Len() > 0 {
		t.Error(log.String())
	}
}

// TestChooserFails: when choosing panics, all rules are asked instead, and it is
// said once; when it takes too long, they are for that event.
func TestChooserFails(t *testing.T) {
	var log bytes.Buffer
	chosen := 0
	found, asked := choosing(t, func(seq int) {
		if chosen++; seq == 6 {
			panic("no choice")
		}
	}, &log, "", 4, 6, 10, 11)
	if want := []string{"4:2", "4:GO", "6:2", "6:3", "6:GO", "10:2", "10:5", "10:GO", "11:GO"}; !slices.Equal(found, want) {
		t.Errorf("found %v, want %v", found, want)
	}
	if want := []int{2, 2, 3, 5, 2, 3, 5, 2, 3, 5}; !slices.Equal(asked, want) {
		t.Errorf("asked %v, want %v", asked, want)
	}
	if chosen != 2 || strings.Count(log.String(), "cannot be chosen") != 1 || !strings.Contains(log.String(), "no choice") {
		t.Errorf("chosen %d times:\n%s", chosen, log.String())
	}

	found, asked = choosing(t, func(seq int) {
		if seq == 6 {
			time.Sleep(300 * time.Millisecond)
		}
	}, &log, "", 6)
	if want := []string{"6:2", "6:3", "6:GO"}; !slices.Equal(found, want) || !slices.Equal(asked, []int{2, 3, 5}) {
		t.Errorf("slow: found %v, asked %v", found, asked)
	}
}
