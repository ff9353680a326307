package bus

import (
	"cmp"
	"fmt"
	"net"
	"strconv"

	"github.com/nats-io/nats-server/v2/server"
)

// options are what the embedded server runs with: the operator's own NATS
// configuration file where one is named, and what this configuration says for
// everything that the file leaves open.
func (c ServerConfig) options() (*server.Options, error) {
	o := &server.Options{}
	if c.ConfigFile != "" {
		var err error
		if o, err = server.ProcessConfigFile(c.ConfigFile); err != nil {
			return nil, fmt.Errorf("nats: config_file: %w", err)
		}
	}
	o.NoSigs, o.JetStream = true, true
	// The server's own banner is of no use in somebody else's log.
	o.DisableJetStreamBanner = true
	o.ServerName = cmp.Or(o.ServerName, "tripline")
	o.StoreDir = cmp.Or(o.StoreDir, c.StoreDir)
	if o.JetStreamMaxMemory <= 0 {
		o.JetStreamMaxMemory = c.MaxMemory
	}
	if o.JetStreamMaxStore <= 0 {
		o.JetStreamMaxStore = c.MaxStore
	}
	o.MaxPayload = cmp.Or(o.MaxPayload, c.MaxPayload)
	o.MaxPending = cmp.Or(o.MaxPending, max(64<<20, 4*int64(o.MaxPayload)))
	o.WriteDeadline = cmp.Or(o.WriteDeadline, c.WriteDeadline)
	if !o.SyncAlways {
		o.SyncInterval = cmp.Or(o.SyncInterval, c.SyncInterval)
	}
	if o.Host == "" && o.Port == 0 && !o.DontListen {
		if c.Listen == "" {
			o.DontListen = true
			return o, nil
		}
		host, port, err := c.address()
		if err != nil {
			return nil, err
		}
		if o.Host, o.Port = host, port; port == 0 {
			o.Port = server.RANDOM_PORT
		}
	}
	o.Port = cmp.Or(o.Port, server.DEFAULT_PORT)
	o.Host = cmp.Or(o.Host, server.DEFAULT_HOST)
	if !c.Public && !isLoopback(o.Host) && !o.DontListen && !guarded(o) {
		return nil, fmt.Errorf("nats: config_file %s: it listens on %s and asks nobody who they are, so others could read and forge events: add users (tripline nats init writes them), listen on 127.0.0.1, or set public: true", c.ConfigFile, net.JoinHostPort(o.Host, strconv.Itoa(o.Port)))
	}
	return o, nil
}

// guarded says whether clients must prove who they are.
func guarded(o *server.Options) bool {
	accounts := false
	for _, u := range o.Users {
		accounts = accounts || u.Username != ""
	}
	return accounts || len(o.Nkeys) > 0 || o.Username != "" || o.Authorization != "" ||
		len(o.TrustedOperators) > 0 || len(o.TrustedKeys) > 0 || o.TLSMap || o.AuthCallout != nil ||
		o.CustomClientAuthentication != nil
}

func isLoopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
