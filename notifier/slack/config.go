package slack

import "github.com/tripline/tripline/notifier/internal/httppost"

// Config is a sink of type slack. Its URL is that of the incoming webhook.
type Config struct {
	httppost.Target `yaml:",inline"`
}

// DefaultConfig has everything but the URL.
func DefaultConfig() Config { return Config{httppost.DefaultTarget()} }
