package bus

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// ServerConfig is how the embedded NATS server runs.
type ServerConfig struct {
	// ConfigFile is a configuration in NATS's own form: users, TLS, a cluster,
	// leaf nodes. What it says stands, and the fields below fill in what it does
	// not say. When it asks for credentials, the stages of this process need
	// some too (nkey_file).
	ConfigFile string `yaml:"config_file"`
	// Listen is host:port; port 0 takes a free one, "" does not listen at all
	// and serves this process only.
	Listen string `yaml:"listen"`
	// Public allows Listen to be something else than a loopback address.
	// Whoever can reach the port can then read every event and publish
	// detections, unless the server asks for credentials.
	Public bool `yaml:"public"`
	// StoreDir holds the streams that are kept in files.
	StoreDir string `yaml:"store_dir"`
	// MaxMemory and MaxStore bound all streams together, in bytes.
	MaxMemory int64 `yaml:"max_memory"`
	MaxStore  int64 `yaml:"max_store"`
	// MaxPayload is the largest message in bytes.
	MaxPayload int32 `yaml:"max_payload"`
	// WriteDeadline is how long a reader may stand still before the server
	// cuts it off. Short, so that a frozen terminal costs nobody anything.
	WriteDeadline time.Duration `yaml:"write_deadline"`
	// SyncInterval is how often files are forced to disk: what a power loss
	// may take. A crash of the process loses nothing.
	SyncInterval time.Duration `yaml:"sync_interval"`
}

// DefaultServerConfig listens on loopback with modest bounds. StoreDir is left
// to the caller.
func DefaultServerConfig() ServerConfig {
	return ServerConfig{
		Listen:        "127.0.0.1:4222",
		MaxMemory:     512 << 20,
		MaxStore:      4 << 30,
		MaxPayload:    8 << 20,
		WriteDeadline: time.Second,
		SyncInterval:  10 * time.Second,
	}
}

// Validate reports the first thing that cannot work.
func (c ServerConfig) Validate() error {
	if c.StoreDir == "" {
		return errors.New("nats: store_dir is empty: name a directory for the streams")
	}
	if c.Listen != "" {
		if _, _, err := c.address(); err != nil {
			return err
		}
	}
	for _, b := range []struct {
		name  string
		value int64
	}{{"max_memory", c.MaxMemory}, {"max_store", c.MaxStore}, {"max_payload", int64(c.MaxPayload)}} {
		if b.value <= 0 {
			return fmt.Errorf("nats: %s is %d: expected a number of bytes above 0", b.name, b.value)
		}
	}
	if c.WriteDeadline <= 0 || c.SyncInterval <= 0 {
		return errors.New("nats: write_deadline and sync_interval must be above 0")
	}
	return nil
}

// address splits Listen and refuses what others could reach, unless told so.
func (c ServerConfig) address() (host string, port int, err error) {
	host, p, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return "", 0, fmt.Errorf("nats: listen %q: expected host:port: %w", c.Listen, err)
	}
	if port, err = strconv.Atoi(p); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("nats: listen %q: %q is no port number", c.Listen, p)
	}
	// With a file of its own, [ServerConfig.options] looks whether it asks for
	// credentials.
	if !isLoopback(host) && !c.Public && c.ConfigFile == "" {
		return "", 0, fmt.Errorf("nats: listen %q: others could read and forge events there; listen on 127.0.0.1, or set public: true once the server asks for credentials", c.Listen)
	}
	return host, port, nil
}
