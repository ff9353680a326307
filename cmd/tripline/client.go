package main

import (
	"context"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/pflag"

	"github.com/tripline/tripline/internal/bus"
)

// clientFlags are the flags of the commands that speak to a running Tripline.
type clientFlags struct {
	nats        string
	credentials string
	nkey        string
	ca          string
	output      string
}

func (f *clientFlags) register(fs *pflag.FlagSet) {
	fs.StringVar(&f.nats, "nats", bus.DefaultConfig().URL, "`URL` of the NATS server")
	fs.StringVar(&f.credentials, "credentials", "", "`file` with credentials (.creds)")
	fs.StringVar(&f.nkey, "nkey", "", "`file` with the seed of an nkey")
	fs.StringVar(&f.ca, "tls-ca", "", "`file` with the certificates of the authorities that vouch for the server")
	fs.StringVarP(&f.output, "output", "o", "text", "text or json")
}

func (f *clientFlags) validate() error {
	if f.output != "text" && f.output != "json" {
		return usagef("--output: %q is neither text nor json", f.output)
	}
	return nil
}

// connect joins the server; it changes nothing there.
func (f *clientFlags) connect(ctx context.Context, command string) (*bus.Bus, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	c := bus.DefaultConfig()
	c.URL, c.CredentialsFile, c.NKeyFile, c.TLS.CAFile = f.nats, f.credentials, f.nkey, f.ca
	return join(ctx, c, command)
}

// connectAs joins the server that a configuration names, unless a flag does.
func (f *clientFlags) connectAs(ctx context.Context, command string, cfg *config, fs *pflag.FlagSet) (*bus.Bus, error) {
	if err := f.validate(); err != nil {
		return nil, err
	}
	c := cfg.NATS.Config
	for _, x := range []struct {
		flag, value string
		to          *string
	}{{"nats", f.nats, &c.URL}, {"credentials", f.credentials, &c.CredentialsFile}, {"nkey", f.nkey, &c.NKeyFile}, {"tls-ca", f.ca, &c.TLS.CAFile}} {
		if fs.Changed(x.flag) {
			*x.to = x.value
		}
	}
	return join(ctx, c, command)
}

func join(ctx context.Context, c bus.Config, command string) (*bus.Bus, error) {
	c.Name = fmt.Sprintf("tripline %s %d", command, os.Getpid())
	c.ConnectWait = 0
	return bus.Connect(ctx, c, discard(), prometheus.NewRegistry())
}
