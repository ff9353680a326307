//go:build cgo && linux

package ebpf

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	bpf "github.com/aquasecurity/libbpfgo"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
	"github.com/tripline/tripline/pkg/msg/catalogue"
	"github.com/tripline/tripline/sensor"
)

var _ sensor.Guarded = (*Source)(nil)

// Source watches the running kernel. Make one with [New].
type Source struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	calls   *callTable
	derived *derived
	// cgroupRoot is where the cgroup v2 hierarchy is mounted, "" where it is not.
	cgroupRoot string
	scope      *scope
	*loaded

	// mu guards the demand, the links that depend on it, and closing.
	mu      sync.Mutex
	shared  shared
	links   map[string]*bpf.BPFLink
	guard   guard
	enabled map[catalogue.ID]bool
	// identities are known to the programs, see noteIdentities.
	identities bool
	running    bool
	closed     bool
	// undecoded counts records that could not be decoded, by catalogue id.
	undecoded map[uint32]uint64
	final     []*msg.Drop // what Drops returns when closed
}

// Programs of the object, by what needs them.
const (
	progExit     = "on_sys_exit"
	progEnter    = "on_sys_enter"
	progPrepare  = "on_prepare_exec"
	progSnapshot = "snapshot"
	progIdentity = "on_fork_identity"

	progIdentities = "note_identities"
	// The tracepoint of io_uring that tells how a request ended.
	progURingComplete = "on_uring_complete"
)

func lifecyclePrograms() []string {
	return []string{"on_fork", "on_exec", "on_exit", "on_cgroup_mkdir", "on_cgroup_rmdir", "on_cgroup_attach"}
}

// New loads the programs into the kernel; nothing is watched before
// [Source.Run]. Its error is one line that says what is missing and what to do.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	s := &Source{cfg: cfg, log: log, loaded: cfg.loaded, links: make(map[string]*bpf.BPFLink), undecoded: make(map[uint32]uint64)}
	var err error
	if s.loaded == nil {
		s.loaded, err = load(&cfg, log)
	} else {
		s.renew()
	}
	if err != nil {
		return nil, err
	}
	if err = s.prepare(); err != nil {
		s.Close()
		return nil, err
	}
	if s.metrics, err = newMetrics(reg, func() float64 { return float64(s.lost()) }, func(what int) float64 { return float64(s.leftOut(what)) }); err != nil {
		s.Close()
		return nil, err
	}
	s.Want(nil)
	return s, nil
}

// prepare fills the tables that the programs go by.
func (s *Source) prepare() (err error) {
	s.shared = sharedAt(s.mem)
	s.shared.m.self = cUint(os.Getpid())
	s.shared.m.bytes_max = cUint(s.cfg.BufferBytes)
	if s.scope, err = newScope(s.cfg.Scope, s.module, s.shared); err != nil {
		return err
	}
	s.calls = newCallTable(s.shared, s.cfg.Files, !s.skipped[progPrepare])
	s.derived = newDerived(s.cfg.Backends, func(program string) bool { return !s.skipped[program] })
	if s.cgroupRoot = cgroupRoot(); s.cgroupRoot == "" {
		s.derived.refuse("no cgroup v2 hierarchy is mounted here", "on_egress", "on_ingress")
	}
	s.derived.mark(s.shared)
	s.shared.m.ring_half = cULong(s.cfg.RingBytes / 2)
	if s.cfg.Fold {
		s.shared.m.fold = 1
	}
	return nil
}

// Close detaches and unloads the programs. Run does it too when it returns.
func (s *Source) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.final = s.drops()
	s.closed = true
	for name := range s.links {
		s.detach(name)
	}
	if s.cfg.loaded == nil {
		s.loaded.close()
	}
}

// attach hooks a program up; it needs mu.
func (s *Source) attach(name string) error {
	if s.links[name] != nil {
		return nil
	}
	if l := s.kept[name]; l != nil {
		delete(s.kept, name)
		s.links[name] = l
		return nil
	}
	p, err := s.module.GetProgram(name)
	if err != nil {
		return err
	}
	var l *bpf.BPFLink
	if strings.HasPrefix(p.SectionName(), "cgroup_skb/") {
		l, err = p.AttachCgroup(s.cgroupRoot)
	} else {
		l, err = p.AttachGeneric()
	}
	if err != nil {
		return explain(err, "attaching "+name)
	}
	s.links[name] = l
	if info, err := infoOfLink(l.FileDescriptor()); err == nil {
		if s.guard.links == nil {
			s.guard.links = make(map[string]linkInfo)
		}
		s.guard.links[name] = info
	}
	return nil
}

// detach unhooks a program; it needs mu.
func (s *Source) detach(name string) {
	l := s.links[name]
	if l == nil {
		return
	}
	delete(s.links, name)
	delete(s.guard.links, name)
	if hookKind(name) != "" && attachOnce() {
		s.kept[name] = l
		return
	}
	if err := l.Destroy(); err != nil {
		s.log.Warn("a kernel program could not be detached", "program", name, "error", err)
	}
}

// Run implements [sensor.Source]. First come batches without events, with the
// processes that exist already; the source cannot be used again afterwards.
func (s *Source) Run(ctx context.Context, emit func(*msg.Batch)) error {
	defer s.Close()
	if err := s.start(); err != nil {
		return err
	}
	clock := newClock()
	batch := newBatcher(&s.cfg)
	decoder := newDecoder(batch, &clock)
	flush := func() {
		if !batch.empty() {
			emit(batch.take(clock.boot))
			s.metrics.batches.Inc()
		}
		// Between batches only: all times of a batch go by the same boot time.
		clock.check(time.Now())
	}
	if err := s.existing(batch, &clock, flush, decoder.begin); err != nil {
		return err
	}
	flush()
	handle := func(record []byte) {
		if err := decoder.decode(record); err != nil {
			s.malformed(record, err, max(decoder.count, 1))
		}
		if batch.isFull() {
			flush()
		}
	}
	folded := func(record []byte, count uint32) {
		decoder.count = count
		handle(record)
		decoder.count = 0
	}
	reader := &reader{
		events: s.events, lifecycle: s.lifecycle,
		handle: func(record []byte) {
			if h, _ := cast[rawHead](record); h != nil && (h.kind == kindExit || h.kind == kindExec) {
				s.folds.take(uint32(h.pid), folded)
			}
			handle(record)
		},
		eventsRead:       s.metrics.records.WithLabelValues("events"),
		lifecycleRead:    s.metrics.records.WithLabelValues("lifecycle"),
		eventsPending:    s.metrics.pending.WithLabelValues("events"),
		lifecyclePending: s.metrics.pending.WithLabelValues("lifecycle"),
	}
	s.poll(ctx, reader, func(read int) {
		s.folds.takeDue(folded)
		s.look(time.Now())
		if read == 0 || batch.old(time.Now()) {
			flush()
		}
	})
	s.stop()
	reader.round()
	s.folds.take(anyProcess, folded)
	flush()
	return nil
}

// busyRound is how many records in one look mean that more are on their way.
const busyRound = 4096

// poll looks at the rings until the context ends. The kernel does not wake the
// reader, for a wake-up costs the traced process more than the record itself.
func (s *Source) poll(ctx context.Context, r *reader, after func(read int)) {
	pause := s.cfg.PollMin
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		read := r.round()
		after(read)
		switch {
		case read >= busyRound:
			pause = 0
		case read > 0:
			pause = s.cfg.PollMin
		default:
			pause = min(max(pause+pause/2, s.cfg.PollMin), s.cfg.PollMax)
		}
		timer.Reset(pause)
	}
}

func (s *Source) malformed(record []byte, err error, count uint32) {
	s.metrics.malformed.Inc()
	s.log.Debug("a record from the kernel is left out", "error", err)
	if h, _ := cast[rawHead](record); h != nil {
		s.mu.Lock()
		s.undecoded[uint32(h.event)] += uint64(count)
		s.mu.Unlock()
	}
}

func (s *Source) start() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("the source was closed")
	}
	for _, name := range append(s.derived.always(), lifecyclePrograms()...) {
		if err := s.attach(name); err != nil {
			return err
		}
	}
	if err := s.scope.begin(s.tasks); err != nil {
		return err
	}
	s.running = true
	return s.attachCalls()
}

func (s *Source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.links {
		s.detach(name)
	}
}
