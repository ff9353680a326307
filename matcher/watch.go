package matcher

import (
	"context"
	"path/filepath"
	"time"

	"github.com/fsnotify/fsnotify"
)

// maxSettle is how many times the settling time changes may hold up a reload.
const maxSettle = 10

// watch reloads the rules when their files change, until the context ends. It
// sends to reloaded, without waiting, after each reload.
func (m *Matcher) watch(ctx context.Context, reloaded chan<- struct{}) error {
	var events chan fsnotify.Event
	var failures chan error
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		m.log.Warn("rule files cannot be watched; they are compared now and then", "error", err, "every", m.cfg.Rescan)
	} else {
		defer watcher.Close()
		events, failures = watcher.Events, watcher.Errors
	}
	w := watches{watcher: watcher, names: make(map[string]string)}
	w.set(m, m.loader.watch)

	var rescan <-chan time.Time
	if m.cfg.Rescan > 0 {
		t := time.NewTicker(m.cfg.Rescan)
		defer t.Stop()
		rescan = t.C
	}
	settle := time.NewTimer(m.cfg.Settle) // once at the start: files may have changed since New
	defer settle.Stop()
	var since time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case ev := <-events:
			if !w.relevant(ev) {
				continue
			}
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) < maxSettle*m.cfg.Settle {
				settle.Reset(m.cfg.Settle)
			}
		case err := <-failures:
			m.log.Warn("watching rule files", "error", err)
			settle.Reset(m.cfg.Settle)
		case <-settle.C:
			since = time.Time{}
			m.reload(&w, reloaded)
		case <-rescan:
			m.reload(&w, reloaded)
		}
	}
}

func (m *Matcher) reload(w *watches, reloaded chan<- struct{}) {
	old := m.rules.Load()
	rs, changed, err := m.loader.load()
	if err != nil {
		if w.lastError != err.Error() {
			m.log.Error("rules are not reloaded; those loaded before stay in force", "error", err)
		}
		w.lastError = err.Error()
		return
	}
	w.lastError = ""
	w.set(m, m.loader.watch)
	if !changed {
		return
	}
	m.metrics.reloads.add(1)
	m.take(rs, old)
	select {
	case reloaded <- struct{}{}:
	default:
	}
}

// watches is the set of directories that are watched.
type watches struct {
	watcher   *fsnotify.Watcher
	names     map[string]string // see found.watch
	lastError string
}

// set watches these directories and no others.
func (w *watches) set(m *Matcher, dirs map[string]string) {
	if w.watcher == nil {
		return
	}
	for dir := range w.names {
		if _, ok := dirs[dir]; !ok {
			_ = w.watcher.Remove(dir) // fails when the directory is gone
			delete(w.names, dir)
		}
	}
	for dir, name := range dirs {
		// Adding again is how a directory that was replaced by another of the
		// same name is watched.
		if err := w.watcher.Add(dir); err != nil {
			if _, failed := w.names[dir]; !failed {
				m.log.Warn("a directory of rules cannot be watched", "dir", dir, "error", err)
			}
		}
		w.names[dir] = name
	}
}

// relevant says whether the change can matter: not one of attributes only, and
// of a name that is watched for.
func (w *watches) relevant(ev fsnotify.Event) bool {
	if ev.Op == fsnotify.Chmod {
		return false
	}
	name, ok := w.names[filepath.Dir(ev.Name)]
	return !ok || name == "" || name == filepath.Base(ev.Name)
}
