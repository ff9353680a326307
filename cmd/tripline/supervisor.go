package main

import (
	"log/slog"

	"github.com/coreos/go-systemd/v22/daemon"
)

// supervisor tells systemd, where that started this process with Type=notify,
// that it is ready, lives, and stops. Elsewhere it does nothing.
// See sd_notify(3).
type supervisor struct {
	log      *slog.Logger
	watchdog bool
}

// newSupervisor looks whether a sign of life is expected at least as often as
// the heart beats.
func newSupervisor(log *slog.Logger) *supervisor {
	s := &supervisor{log: log}
	within, err := daemon.SdWatchdogEnabled(false)
	switch {
	case err != nil:
		log.Warn("systemd's watchdog is not understood, so it gets no signs of life", "error", err)
	case within > 0 && within < 2*beatInterval:
		log.Warn("systemd's watchdog is too impatient", "within", within, "needed", 2*beatInterval)
	}
	s.watchdog = err == nil && within > 0
	return s
}

func (s *supervisor) tell(state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		s.log.Debug("telling systemd", "state", state, "error", err)
	}
}

func (s *supervisor) ready() { s.tell(daemon.SdNotifyReady) }

func (s *supervisor) stopping() { s.tell(daemon.SdNotifyStopping) }

// alive is called with every beat.
func (s *supervisor) alive() {
	if s.watchdog {
		s.tell(daemon.SdNotifyWatchdog)
	}
}
