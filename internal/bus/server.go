package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const serverStart = 20 * time.Second

// Server is a NATS server with JetStream in this process.
type Server struct {
	ns   *server.Server
	lock *os.File
	log  *slog.Logger

	closing chan struct{}
	once    sync.Once
	mending sync.WaitGroup
}

// Embed starts the server and returns when it serves; the context bounds the
// starting only, and [Server.Close] stops it, so that the stages can drain in
// between. Errors say what is in the way and what to do about it.
func Embed(ctx context.Context, cfg ServerConfig, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o, err := cfg.options()
	if err != nil {
		return nil, err
	}
	if !o.DontListen {
		if err := probe(o); err != nil {
			return nil, err
		}
	}
	lock, err := lockStore(o.StoreDir)
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("nats: %w", err), lock.Close())
	}
	logger := &serverLog{log: log, unwritten: make(chan struct{}, 1)}
	ns.SetLoggerV2(logger, false, false, false)
	ns.Start()
	s := &Server{ns: ns, lock: lock, log: log, closing: make(chan struct{})}
	if err := s.ready(ctx, logger); err != nil {
		s.Close()
		return nil, err
	}
	s.mending.Go(func() { s.mend(logger.unwritten) })
	log.Info("nats server is ready", "listen", s.Addr(), "store", o.StoreDir)
	return s, nil
}

func (s *Server) ready(ctx context.Context, log *serverLog) error {
	ctx, cancel := context.WithTimeout(ctx, serverStart)
	defer cancel()
	for !s.ns.ReadyForConnections(100*time.Millisecond) || !s.ns.JetStreamEnabled() {
		if fatal := log.fatalMessage(); fatal != "" {
			return fmt.Errorf("nats: the server did not start: %s", fatal)
		}
		if ctx.Err() != nil {
			return fmt.Errorf("nats: the server did not start: %w", context.Cause(ctx))
		}
	}
	return nil
}

// probe asks for the port before the server does, for an error that helps.
func probe(o *server.Options) error {
	listen := net.JoinHostPort(o.Host, strconv.Itoa(max(o.Port, 0)))
	l, err := net.Listen("tcp", listen)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("nats: %s is taken, perhaps by a NATS server already: use that one with --nats nats://%s, or choose another address with --listen", listen, listen)
	case errors.Is(err, syscall.EACCES):
		return fmt.Errorf("nats: not permitted to listen on %s: choose a port above 1023 with nats.listen", listen)
	default:
		return fmt.Errorf("nats: cannot listen on %s: %w", listen, err)
	}
}

// lockStore makes the directory and keeps a second server out of it.
func lockStore(dir string) (*os.File, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("nats: store_dir: %w: choose a directory that can be written", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "tripline.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("nats: store_dir: %w: choose a directory that can be written", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("nats: store_dir %s is in use by another server: stop that one or choose another directory", dir), f.Close())
	}
	return f, nil
}

// URL is what others on this machine connect to, "" when the server does not
// listen.
func (s *Server) URL() string {
	a, ok := s.ns.Addr().(*net.TCPAddr)
	if !ok {
		return ""
	}
	host := a.IP.String()
	if a.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return "nats://" + net.JoinHostPort(host, strconv.Itoa(a.Port))
}

// Addr is the address listened on, for people.
func (s *Server) Addr() string {
	if a := s.ns.Addr(); a != nil {
		return a.String()
	}
	return "in-process"
}

// Close stops the server and waits until its files are closed. Connections
// should be closed before. It is safe to call more than once.
func (s *Server) Close() {
	s.once.Do(func() { close(s.closing) })
	s.mending.Wait()
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
	// The lock goes with the descriptor; a second Close finds it closed.
	if err := s.lock.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		s.log.Warn("nats server: lock file", "err", err)
	}
}
