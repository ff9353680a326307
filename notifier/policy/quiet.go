package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // zones, where the system has none

	"github.com/tripline/tripline/pkg/msg"
)

// window is a compiled [Quiet].
type window struct {
	days     [7]bool // by time.Weekday
	from, to time.Duration
	zone     *time.Location
	except   msg.Priority
	excepted bool
}

func (q Quiet) compile() (w window, err error) {
	var errs []error
	names := []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}
	for _, d := range q.Days {
		i := slices.Index(names, strings.ToLower(d))
		if i < 0 {
			errs = append(errs, fmt.Errorf("days: %q is not one of %s", d, strings.Join(names, ", ")))
			continue
		}
		w.days[i] = true
	}
	if len(q.Days) == 0 {
		w.days = [7]bool{true, true, true, true, true, true, true}
	}
	for _, t := range []struct {
		name, text string
		to         *time.Duration
	}{{"from", q.From, &w.from}, {"to", q.To, &w.to}} {
		at, err := time.Parse("15:04", t.text)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not a time of day as 22:00", t.name, t.text))
			continue
		}
		*t.to = time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	}
	if w.zone, err = time.LoadLocation(q.Zone); err != nil {
		errs = append(errs, fmt.Errorf("zone: %q is not a time zone as Europe/Berlin", q.Zone))
	}
	if q.Except != "" {
		w.excepted = true
		if w.except, err = msg.ParsePriority(q.Except); err != nil {
			errs = append(errs, fmt.Errorf("except: %w", err))
		}
	}
	return w, errors.Join(errs...)
}

// covers says whether a priority is not told at a time.
func (w window) covers(now time.Time, p msg.Priority) bool {
	if w.excepted && p <= w.except {
		return false
	}
	now = now.In(w.zone)
	of := time.Duration(now.Hour())*time.Hour + time.Duration(now.Minute())*time.Minute + time.Duration(now.Second())*time.Second
	today := now.Weekday()
	if w.from < w.to {
		return w.days[today] && of >= w.from && of < w.to
	}
	yesterday := (today + 6) % 7
	return w.days[today] && of >= w.from || w.days[yesterday] && of < w.to
}

// newQuiet is the step of the quiet hours of the route.
func newQuiet(count counter) Step {
	return filter{Quieted, count, func(now time.Time, i *Item, d *msg.Detection) bool {
		return !slices.ContainsFunc(i.route.quiet, func(w window) bool { return w.covers(now, d.Priority) })
	}}
}
