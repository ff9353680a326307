package bus

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/tripline/tripline/pkg/msg"
)

// ErrClosed is matched by what is still under way when the bus is closed.
var ErrClosed = errors.New("the connection to NATS was closed")

const (
	reconnectWait = 200 * time.Millisecond
	apiTimeout    = 5 * time.Second
)

// Bus is one process's connection to NATS for the data plane. It is safe for
// concurrent use.
type Bus struct {
	cfg         Config
	compression msg.Compression
	log         *slog.Logger
	metrics     *metrics
	instance    string // tells this process from its predecessors

	nc         *nats.Conn
	js         jetstream.JetStream
	partitions uint32

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu     sync.Mutex
	joined chan struct{}   // closed, and replaced, after every reconnection
	linked context.Context // ends when the connection breaks
	unlink context.CancelFunc
	atEnd  []func()         // run by Close while the connection still works
	room   map[string]int64 // bytes that each stream may hold, 0 and less for any number
	denied func()           // told of the next refused request, see whenDenied
}

// Connect joins NATS and makes sure that the streams exist; the context bounds
// that only, and [Bus.Close] ends it. Afterwards the connection is renewed for
// ever. With an embedded server the streams are brought in line with the
// configuration; elsewhere they are only made where they are missing, so that
// stages configured differently do not undo each other.
func Connect(ctx context.Context, cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Bus, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	compression, err := cfg.compression()
	if err != nil {
		return nil, err
	}
	b := &Bus{
		cfg:         cfg,
		compression: compression,
		log:         log,
		metrics:     newMetrics(reg),
		instance:    nuid.Next(),
		joined:      make(chan struct{}),
		room:        make(map[string]int64),
	}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.linked, b.unlink = context.WithCancel(b.ctx)
	if b.nc, err = b.dial(ctx, cfg.Name,
		nats.ReconnectHandler(func(*nats.Conn) { b.rejoined() }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			b.mu.Lock()
			b.unlink()
			b.mu.Unlock()
			if b.ctx.Err() == nil {
				log.Warn("lost the connection to NATS, trying again until it is back", "server", b.where(), "err", err)
			}
		}),
	); err != nil {
		b.cancel()
		return nil, err
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithDefaultTimeout(apiTimeout)); err == nil {
		err = b.ensureSoon(ctx)
	}
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// dial makes a connection that renews itself. Nothing is buffered while it is
// away: see the package comment on order.
func (b *Bus) dial(ctx context.Context, name string, more ...nats.Option) (*nats.Conn, error) {
	o := append([]nats.Option{
		nats.Name(name),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait),
		nats.ReconnectJitter(reconnectWait/2, reconnectWait/2),
		nats.ReconnectBufSize(-1),
		nats.IgnoreAuthErrorAbort(),
		nats.PingInterval(5 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.Timeout(b.patience()),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) {
			if sub != nil {
				b.log.Warn("nats", "subject", sub.Subject, "err", err)
				return
			}
			if errors.Is(err, nats.ErrPermissionViolation) && b.isDenied() {
				return // whoever asked says so
			}
			b.log.Warn("nats", "err", err)
		}),
	}, more...)
	inbox := b.cfg.InboxPrefix
	if b.cfg.CredentialsFile != "" {
		o = append(o, nats.UserCredentials(b.cfg.CredentialsFile))
	}
	if b.cfg.NKeyFile != "" {
		public, key, err := nkey(b.cfg.NKeyFile)
		if err != nil {
			return nil, err
		}
		o = append(o, key)
		inbox = cmp.Or(inbox, InboxOf(public))
	}
	if inbox != "" {
		o = append(o, nats.CustomInboxPrefix(inbox))
	}
	url := b.cfg.URL
	if b.cfg.Server != nil {
		url = ""
		o = append(o, nats.InProcessServer(b.cfg.Server.ns))
	} else {
		t, err := b.cfg.TLS.load()
		if err != nil {
			return nil, err
		}
		if t != nil {
			o = append(o, nats.Secure(t))
		}
	}
	ctx, cancel := context.WithTimeout(ctx, b.cfg.ConnectWait)
	defer cancel()
	for told := false; ; told = true {
		nc, err := nats.Connect(url, o...)
		if err == nil {
			return nc, nil
		}
		// Wrong credentials do not get better by waiting.
		if ctx.Err() != nil || errors.Is(err, nats.ErrAuthorization) || !temporary(err) {
			return nil, b.explain(err)
		}
		if !told {
			b.log.Info("waiting for NATS", "server", b.where(), "for", b.cfg.ConnectWait, "err", err)
		}
		if !sleep(ctx, reconnectWait) {
			return nil, b.explain(err)
		}
	}
}

// patience is how long one attempt may take. Whoever tries only once is more
// patient, for the server may be on a busy machine.
func (b *Bus) patience() time.Duration {
	if b.cfg.ConnectWait == 0 {
		return 10 * time.Second
	}
	return 2 * time.Second
}

func temporary(err error) bool {
	var file interface{ Timeout() bool }
	return errors.Is(err, nats.ErrNoServers) || errors.Is(err, nats.ErrTimeout) || errors.As(err, &file)
}

// explain turns the client's error into one that says what to do.
func (b *Bus) explain(err error) error {
	switch {
	case errors.Is(err, nats.ErrAuthorization), errors.Is(err, nats.ErrAuthExpired):
		return fmt.Errorf("nats: %s refuses these credentials: check credentials_file or nkey_file: %w", b.where(), err)
	case errors.Is(err, nats.ErrNoServers), errors.Is(err, nats.ErrTimeout):
		return fmt.Errorf("nats: nobody answers at %s: start a server there (tripline run nats) or name another with --nats: %w", b.where(), err)
	default:
		return fmt.Errorf("nats: cannot connect to %s: %w", b.where(), err)
	}
}

// where names the server without the secrets a URL may hold.
func (b *Bus) where() string {
	if b.cfg.Server != nil {
		return "the embedded server"
	}
	urls := strings.Split(b.cfg.URL, ",")
	for i, u := range urls {
		scheme, rest, ok := strings.Cut(strings.TrimSpace(u), "://")
		if !ok {
			scheme, rest = "nats", scheme
		}
		if at := strings.LastIndexByte(rest, '@'); at >= 0 {
			rest = rest[at+1:]
		}
		urls[i] = scheme + "://" + rest
	}
	return strings.Join(urls, ",")
}

// whenDenied has f called when the server says that something published was
// not permitted, until the returned function is called.
func (b *Bus) whenDenied(f func()) (stop func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.denied = f
	return func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.denied = nil
	}
}

// isDenied tells whoever waits for it, and says whether anybody did.
func (b *Bus) isDenied() bool {
	b.mu.Lock()
	f := b.denied
	b.mu.Unlock()
	if f != nil {
		f()
	}
	return f != nil
}

// rejoined runs after every reconnection: streams in memory went with the
// server, so they are made again before anybody is told.
func (b *Bus) rejoined() {
	if b.ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	b.unlink()
	link, unlink := context.WithCancel(b.ctx)
	b.linked, b.unlink = link, unlink
	b.mu.Unlock()
	b.metrics.reconnects.Inc()
	b.log.Info("connected to NATS again", "server", b.where())
	b.spawn(func() {
		err := retry(link, reconnectWait, time.Second, func() error {
			ctx, cancel := context.WithTimeout(link, apiTimeout)
			defer cancel()
			return b.ensure(ctx)
		}, func(err error) { b.log.Warn("streams are not there yet", "err", err) })
		if err != nil {
			return // broken again, and this runs again
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		close(b.joined)
		b.joined = make(chan struct{})
	})
}

// rejoin returns a channel that is closed after the next reconnection.
func (b *Bus) rejoin() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.joined
}

// link returns a context that ends when the connection breaks: what was asked
// over it will not be answered any more.
func (b *Bus) link() context.Context {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.linked
}

func (b *Bus) spawn(f func()) {
	b.wg.Add(1)
	go func() {
		defer b.wg.Done()
		f()
	}()
}

// stopWatch ends a watch. The client asks the server to forget it and waits for
// the answer, which may never come; nobody here has to.
func (b *Bus) stopWatch(w jetstream.KeyWatcher) {
	go func() {
		if err := w.Stop(); err != nil {
			b.log.Debug("nats: ending a watch", "err", err)
		}
	}()
}

// onClose registers what Close does first.
func (b *Bus) onClose(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.atEnd = append(b.atEnd, f)
}

// Connected says whether the connection stands at this moment.
func (b *Bus) Connected() bool { return b.nc.IsConnected() }

// Close withdraws what this process announced and ends the connection. What
// was not stored by then has failed with [ErrClosed]; whoever wants it stored
// waits for that first.
func (b *Bus) Close() {
	if b.ctx.Err() != nil {
		return
	}
	b.mu.Lock()
	atEnd := b.atEnd
	b.atEnd = nil
	b.mu.Unlock()
	for _, f := range atEnd {
		f()
	}
	b.cancel()
	b.wg.Wait()
	if b.nc.IsConnected() {
		// Acknowledgements given last are still in the buffer.
		if err := b.nc.FlushTimeout(time.Second); err != nil {
			b.log.Warn("nats: flush", "err", err)
		}
	}
	b.nc.Close()
}
