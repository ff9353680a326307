package main

import (
	"fmt"
	"io"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/provision"
	"github.com/tripline/tripline/internal/telemetry"
)

func newNATS() *cobra.Command {
	c := &cobra.Command{
		Use:   "nats",
		Short: "Prepare a NATS server for the stages",
	}
	c.AddCommand(newNATSInit(), newNATSSetup())
	return c
}

func newNATSInit() *cobra.Command {
	p := provision.DefaultPlan()
	c := &cobra.Command{
		Use:   "init [directory]",
		Short: "Write keys, certificates and server configurations",
		Long: `Write what a NATS server needs to serve the stages and nobody else: a key for
each stage and host, an authority with the servers' certificates, and the
servers' configurations with what each key may do. What the directory holds
already is kept, so the same command with one more host adds that host.`,
		Example: `  tripline nats init /etc/tripline/nats --server hub.example --host web-1 --host web-2
  tripline nats init ./nats --server n1 --server n2 --server n3 --host web-1   # a cluster
  tripline nats init ./nats --server hub.example --edge plant-7 --install /etc/tripline/nats`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				p.Dir = args[0]
			}
			if err := p.Validate(); err != nil {
				return usagef("nats init: %w", err)
			}
			written, err := provision.Write(p)
			if err != nil {
				return fmt.Errorf("nats init: %w", err)
			}
			tellWritten(cmd.OutOrStdout(), p.Dir, written)
			return nil
		},
	}
	fs := c.Flags()
	fs.StringSliceVar(&p.Servers, "server", p.Servers, "`name` or address under which a server is reached; three or five make a cluster")
	fs.StringSliceVar(&p.Hosts, "host", nil, "`name` of a host with a sensor, as its events carry it; repeatable")
	fs.StringSliceVar(&p.Edges, "edge", nil, "`name` of a host whose own server stores detections and forwards them; repeatable")
	fs.StringSliceVar(&p.Publish, "notifier-publish", nil, "further `subject` that notifiers may publish to; repeatable")
	fs.StringVar(&p.Install, "install", "", "`directory` in which the files will be found where they are used (default: where they are written)")
	fs.StringVar(&p.StoreDir, "store-dir", p.StoreDir, "`directory` in which the servers keep their streams")
	fs.StringVar(&p.Address, "listen-address", p.Address, "`address` that the servers listen on")
	fs.IntVar(&p.ClientPort, "port", p.ClientPort, "`port` for the stages")
	fs.IntVar(&p.ClusterPort, "cluster-port", p.ClusterPort, "`port` for the other servers of a cluster")
	fs.IntVar(&p.LeafPort, "leaf-port", p.LeafPort, "`port` for edges")
	fs.Int64Var(&p.MaxMemory, "max-memory", p.MaxMemory, "`bytes` of streams that one server keeps in memory")
	fs.Int64Var(&p.MaxStore, "max-store", p.MaxStore, "`bytes` of streams that one server keeps in files")
	return c
}

func tellWritten(w io.Writer, dir string, written []string) {
	if len(written) == 0 {
		fmt.Fprintf(w, "%s: nothing to change\n", dir)
		return
	}
	for _, name := range written {
		fmt.Fprintln(w, name)
	}
}

func newNATSSetup() *cobra.Command {
	f, watch := &runFlags{}, false
	c := &cobra.Command{
		Use:   "setup",
		Short: "Make the streams on a server, or bring them in line with the configuration",
		Long: `Make the streams and buckets on a NATS server that is not embedded, or bring
their bounds, replicas and edges in line with the configuration. It needs the
key of the role admin where the server asks for one. The stages wait for this.

Streams in memory go with their server. With --watch the command stays, and
makes them anew after the server was restarted; the embedded server of
"tripline run nats" does that by itself.`,
		Example: `  tripline nats setup --nats tls://hub.example:4222 --nkey keys/admin.nk --tls-ca ca.crt --replicas 3`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := f.config(cmd.Flags())
			if err != nil {
				return err
			}
			log, err := telemetry.NewLogger(cmd.ErrOrStderr(), cfg.Telemetry.Log)
			if err != nil {
				return err
			}
			c := cfg.NATS.Config
			c.Manage = true
			c.Name = fmt.Sprintf("tripline nats setup %d", os.Getpid())
			b, err := bus.Connect(cmd.Context(), c, log, prometheus.NewRegistry())
			if err != nil {
				return err
			}
			defer b.Close()
			streams, err := b.Streams(cmd.Context())
			if err != nil {
				return err
			}
			for _, s := range streams {
				fmt.Fprintf(cmd.OutOrStdout(), "%-20s %s, %d messages\n", s.Name, s.Storage, s.Messages)
			}
			if watch {
				<-cmd.Context().Done()
			}
			return nil
		},
	}
	f.registerNATS(c.Flags())
	c.Flags().BoolVar(&watch, "watch", false, "stay, and make the streams anew when the server has lost them")
	return c
}
