package standalone

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/telemetry"
)

// Config is how a program joins.
type Config struct {
	// NATS is the URL of the server; several of a cluster are separated by
	// commas.
	NATS string
	// Credentials is a .creds file, or empty.
	Credentials string
	// Group is what the processes of this program have in common: they share
	// the events, and each group gets all of them.
	Group string
	// Workers is how many partitions of the events are looked at at a time.
	Workers int
	// LogLevel is debug, info, warn or error.
	LogLevel string
}

// DefaultConfig joins a Tripline on this machine, as a group that is called as
// the program is.
func DefaultConfig() Config {
	return Config{
		NATS:     bus.DefaultConfig().URL,
		Group:    strings.TrimSuffix(filepath.Base(os.Args[0]), ".exe"),
		Workers:  runtime.GOMAXPROCS(0),
		LogLevel: "info",
	}
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	switch {
	case c.NATS == "":
		return errors.New("no NATS server, expected a URL as nats://127.0.0.1:4222")
	case c.Group == "":
		return errors.New("no group, expected a name")
	case c.Workers < 1:
		return fmt.Errorf("workers: %d, expected at least 1", c.Workers)
	}
	return telemetry.LogConfig{Level: c.LogLevel, Format: "auto"}.Validate()
}

// parse reads the command line; a flag that is not there is taken from the
// environment: -nats from TRIPLINE_NATS.
func parse(args []string, getenv func(string) string, out io.Writer) (Config, error) {
	c := DefaultConfig()
	fs := flag.NewFlagSet(c.Group, flag.ContinueOnError)
	fs.SetOutput(out)
	fs.StringVar(&c.NATS, "nats", c.NATS, "`URL` of the NATS server")
	fs.StringVar(&c.Credentials, "credentials", "", "`file` with credentials (.creds)")
	fs.StringVar(&c.Group, "group", c.Group, "what this program is known by; its processes share the events")
	fs.IntVar(&c.Workers, "workers", c.Workers, "how many partitions are looked at at a time")
	fs.StringVar(&c.LogLevel, "log-level", c.LogLevel, "debug, info, warn or error")
	var failed error
	fs.VisitAll(func(f *flag.Flag) {
		name := "TRIPLINE_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if v := getenv(name); v != "" {
			if err := f.Value.Set(v); err != nil && failed == nil {
				failed = fmt.Errorf("%s: %w", name, err)
			}
		}
	})
	if failed != nil {
		return c, failed
	}
	if err := fs.Parse(args); err != nil {
		return c, err
	}
	if fs.NArg() > 0 {
		return c, fmt.Errorf("%q is no flag", fs.Arg(0))
	}
	return c, c.Validate()
}
