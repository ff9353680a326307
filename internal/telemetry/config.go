package telemetry

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
)

// Config is the section "telemetry" of the configuration file.
type Config struct {
	Log  LogConfig  `yaml:"log"`
	HTTP HTTPConfig `yaml:"http"`
}

// LogConfig says what is logged and how.
type LogConfig struct {
	// Level is the least level that is shown: debug, info, warn or error.
	Level string `yaml:"level"`
	// Format is text, json or auto: text on a terminal, JSON otherwise.
	Format string `yaml:"format"`
}

// HTTPConfig says where the pages are served.
type HTTPConfig struct {
	// Listen is host:port; empty serves nothing.
	Listen string `yaml:"listen"`
}

// DefaultConfig logs from info on and serves nothing.
func DefaultConfig() Config {
	return Config{Log: LogConfig{Level: "info", Format: "auto"}}
}

// Validate reports everything that is wrong.
func (c Config) Validate() error {
	return errors.Join(c.Log.Validate(), c.HTTP.Validate())
}

// Validate reports everything that is wrong.
func (c LogConfig) Validate() error {
	_, err := c.level()
	switch c.Format {
	case "auto", "text", "json":
	default:
		err = errors.Join(err, fmt.Errorf("log.format: %q is not one of auto, text, json", c.Format))
	}
	return err
}

func (c LogConfig) level() (slog.Level, error) {
	switch strings.ToLower(c.Level) {
	case "debug":
		return slog.LevelDebug, nil
	case "info":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	}
	return 0, fmt.Errorf("log.level: %q is not one of debug, info, warn, error", c.Level)
}

// Validate reports everything that is wrong.
func (c HTTPConfig) Validate() error {
	if c.Listen == "" {
		return nil
	}
	if _, port, err := net.SplitHostPort(c.Listen); err != nil || port == "" {
		return fmt.Errorf("http.listen: %q is not host:port", c.Listen)
	}
	return nil
}
