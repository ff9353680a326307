package bus

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	mendInterval = time.Second
	// roomNeeded is how much must be free on the disk before anything is tried.
	roomNeeded = 4 << 20
)

// mend starts JetStream anew when a stream could not be written, most likely
// because the disk was full, and there is room again. Without that the server
// would refuse everything for that stream until its process is started again.
// What was stored in files is kept; streams in memory begin anew, as after a
// crash, and what they held counts as lost with their readers. All connections
// are closed, so that their owners come back and make the streams that are
// missing.
func (s *Server) mend(unwritten <-chan struct{}) {
	tick := time.NewTicker(mendInterval)
	defer tick.Stop()
	cfg := s.ns.JetStreamConfig()
	broken, told := false, false
	for {
		select {
		case <-s.closing:
			return
		case <-unwritten:
			broken = true
			continue
		case <-tick.C:
		}
		if cfg == nil || !broken && s.ns.JetStreamEnabled() {
			continue
		}
		if err := s.room(); err != nil {
			if !told {
				told = true
				s.log.Warn("the disk of the streams cannot be written; what is published waits", "error", err)
			}
			continue
		}
		if err := s.again(*cfg); err != nil {
			s.log.Error("JetStream does not start again", "error", err)
			continue
		}
		broken, told = false, false
		select {
		case <-unwritten: // was of before
		default:
		}
		s.log.Warn("the disk of the streams can be written again; JetStream was started anew")
	}
}

// room says whether something can be written.
func (s *Server) room() (err error) {
	f, err := os.CreateTemp(filepath.Dir(s.lock.Name()), "tripline.room")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close(), os.Remove(f.Name())) }()
	if _, err := f.Write(make([]byte, roomNeeded)); err != nil {
		return err
	}
	return f.Sync()
}

// again stops JetStream and starts it as it was.
func (s *Server) again(cfg server.JetStreamConfig) error {
	// The directory of the configuration is one below that of the options.
	cfg.StoreDir = filepath.Dir(cfg.StoreDir)
	if err := s.ns.ShutdownJetStream(); err != nil {
		return err
	}
	if err := s.ns.EnableJetStream(&cfg); err != nil {
		return err
	}
	open, err := s.ns.Connz(&server.ConnzOptions{Limit: 1 << 20})
	if err != nil {
		return err
	}
	for _, c := range open.Conns {
		// It may have gone by itself.
		_ = s.ns.DisconnectClientByID(c.Cid)
	}
	return nil
}
