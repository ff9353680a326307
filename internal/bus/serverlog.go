package bus

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
)

// serverLog is the embedded server's log, as slog. The server calls notices
// what is of interest to its operator only, so they are debug here.
type serverLog struct {
	log *slog.Logger

	mu    sync.Mutex
	fatal string
	// unwritten, of capacity 1, is told when something could not be written.
	unwritten chan struct{}
}

// writeError is in what the server logs when a stream or a consumer could not be
// written, after which it takes nothing more for that stream until JetStream is
// started anew.
const writeError = "critical write error"

func (l *serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats: " + fmt.Sprintf(format, v...))
}

func (l *serverLog) Debugf(format string, v ...any) {
	l.log.Debug("nats: " + fmt.Sprintf(format, v...))
}

func (l *serverLog) Tracef(format string, v ...any) {
	l.log.Debug("nats: " + fmt.Sprintf(format, v...))
}

func (l *serverLog) Warnf(format string, v ...any) { l.log.Warn("nats: " + fmt.Sprintf(format, v...)) }

func (l *serverLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	l.log.Error("nats: " + text)
	if strings.Contains(strings.ToLower(text), writeError) {
		select {
		case l.unwritten <- struct{}{}:
		default: // is known
		}
	}
}

// Fatalf keeps the message for the error of [Embed]: deep code does not exit.
func (l *serverLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fatal == "" {
		l.fatal = fmt.Sprintf(format, v...)
	}
}

// fatalMessage is the first thing that the server could not live with.
func (l *serverLog) fatalMessage() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}
