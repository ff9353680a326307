package bus

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
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
}

// Embed starts the server and returns when it serves; the context bounds the
// starting only, and [Server.Close] stops it, so that the stages can drain in
// between. Errors say what is in the way and what to do about it.
func Embed(ctx context.Context, cfg ServerConfig, log *slog.Logger) (*Server, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	o := &server.Options{
		ServerName:         "tripline",
		NoSigs:             true,
		JetStream:          true,
		StoreDir:           cfg.StoreDir,
		JetStreamMaxMemory: cfg.MaxMemory,
		JetStreamMaxStore:  cfg.MaxStore,
		MaxPayload:         cfg.MaxPayload,
		MaxPending:         max(64<<20, 4*int64(cfg.MaxPayload)),
		WriteDeadline:      cfg.WriteDeadline,
		SyncInterval:       cfg.SyncInterval,
		// The server's own banner is of no use in somebody else's log.
		DisableJetStreamBanner: true,
	}
	if cfg.Listen == "" {
		o.DontListen = true
	} else {
		host, port, err := cfg.address()
		if err != nil {
			return nil, err
		}
		if o.Host, o.Port = host, port; port == 0 {
			o.Port = server.RANDOM_PORT
		}
		if err := probe(cfg.Listen); err != nil {
			return nil, err
		}
	}
	lock, err := lockStore(cfg.StoreDir)
	if err != nil {
		return nil, err
	}
	ns, err := server.NewServer(o)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("nats: %w", err), lock.Close())
	}
	logger := &serverLog{log: log}
	ns.SetLoggerV2(logger, false, false, false)
	ns.Start()
	s := &Server{ns: ns, lock: lock, log: log}
	if err := s.ready(ctx, logger); err != nil {
		s.Close()
		return nil, err
	}
	log.Info("nats server is ready", "listen", s.Addr(), "store", cfg.StoreDir)
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
func probe(listen string) error {
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

// URL is what others connect to, "" when the server does not listen.
func (s *Server) URL() string {
	if a := s.ns.Addr(); a != nil {
		return "nats://" + a.String()
	}
	return ""
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
	s.ns.Shutdown()
	s.ns.WaitForShutdown()
	// The lock goes with the descriptor; a second Close finds it closed.
	if err := s.lock.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		s.log.Warn("nats server: lock file", "err", err)
	}
}
