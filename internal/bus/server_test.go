package bus_test

import (
	"context"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/tripline/tripline/internal/bus"
	"github.com/tripline/tripline/internal/bus/bustest"
)

func TestEmbedRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	running := bus.DefaultServerConfig()
	running.Listen, running.StoreDir = "127.0.0.1:0", t.TempDir()
	bustest.Embed(t, running)
	file := filepath.Join(t.TempDir(), "file")
	for name, c := range map[string]struct {
		change func(*bus.ServerConfig)
		want   []string // what the error must say
	}{
		"taken port":      {func(c *bus.ServerConfig) { c.Listen = taken.Addr().String() }, []string{taken.Addr().String(), "is taken", "--nats"}},
		"public address":  {func(c *bus.ServerConfig) { c.Listen = "0.0.0.0:0" }, []string{"0.0.0.0:0", "127.0.0.1", "public"}},
		"any address":     {func(c *bus.ServerConfig) { c.Listen = ":0" }, []string{"127.0.0.1", "public"}},
		"no port":         {func(c *bus.ServerConfig) { c.Listen = "127.0.0.1" }, []string{"host:port"}},
		"odd port":        {func(c *bus.ServerConfig) { c.Listen = "127.0.0.1:70000" }, []string{"70000"}},
		"no store":        {func(c *bus.ServerConfig) { c.StoreDir = "" }, []string{"store_dir"}},
		"store in use":    {func(c *bus.ServerConfig) { c.StoreDir = running.StoreDir }, []string{running.StoreDir, "in use"}},
		"store in a file": {func(c *bus.ServerConfig) { c.StoreDir = filepath.Join(file, "x") }, []string{"store_dir", "can be written"}},
		"no memory":       {func(c *bus.ServerConfig) { c.MaxMemory = 0 }, []string{"max_memory"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := bus.DefaultServerConfig()
			cfg.Listen, cfg.StoreDir = "127.0.0.1:0", t.TempDir()
			c.change(&cfg)
			if name == "store in a file" {
				writeFile(t, file)
			}
			s, err := bus.Embed(context30(t), cfg, bustest.Logger(t))
			if err == nil {
				s.Close()
				t.Fatal("the server started")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q is more than one line", err)
			}
		})
	}
}

func TestEmbedPublicWhenTold(t *testing.T) {
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir, cfg.Public = "0.0.0.0:0", t.TempDir(), true
	if url := bustest.Embed(t, cfg).URL(); !strings.HasPrefix(url, "nats://") {
		t.Errorf("url %q", url)
	}
}

func TestConnectErrors(t *testing.T) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := free.Addr().String()
	free.Close()
	for name, c := range map[string]struct {
		change func(*bus.Config)
		want   []string
	}{
		"nobody there":   {func(c *bus.Config) { c.URL = "nats://user:secret@" + addr }, []string{"nobody answers", addr, "tripline run nats", "--nats"}},
		"no credentials": {func(c *bus.Config) { c.URL, c.CredentialsFile = "nats://"+addr, "/none.creds" }, []string{"/none.creds"}},
		"no key":         {func(c *bus.Config) { c.URL, c.NKeyFile = "nats://"+addr, "/none.nk" }, []string{"nkey_file", "/none.nk"}},
		"no authority":   {func(c *bus.Config) { c.URL, c.TLS.CAFile = "nats://"+addr, "/none.pem" }, []string{"ca_file", "/none.pem"}},
		"half a pair":    {func(c *bus.Config) { c.TLS.CertFile = "x" }, []string{"key_file"}},
		"compression":    {func(c *bus.Config) { c.Compression = "zip" }, []string{"zip", "s2"}},
		"storage":        {func(c *bus.Config) { c.Streams.Raw.Storage = "disk" }, []string{"streams.raw.storage", "memory or file"}},
		"window":         {func(c *bus.Config) { c.Window = 0 }, []string{"window"}},
		"pin":            {func(c *bus.Config) { c.Consumer.PinTTL = time.Second }, []string{"pin_ttl", "2s"}},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := bus.DefaultConfig()
			cfg.ConnectWait = 300 * time.Millisecond
			c.change(&cfg)
			b, err := bus.Connect(context30(t), cfg, bustest.Logger(t), nil)
			if err == nil {
				b.Close()
				t.Fatal("connected")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "secret") {
				t.Errorf("error %q tells the password", err)
			}
		})
	}
}

func TestConnectWaitsForTheServer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir = l.Addr().String(), t.TempDir()
	l.Close()
	joined := make(chan error, 1)
	go func() {
		c := bus.DefaultConfig()
		c.URL = "nats://" + cfg.Listen
		b, err := bus.Connect(context30(t), c, bustest.Logger(t), nil)
		if err == nil {
			b.Close()
		}
		joined <- err
	}()
	time.Sleep(500 * time.Millisecond)
	bustest.Embed(t, cfg)
	if err := <-joined; err != nil {
		t.Error(err)
	}
}

func TestPartitionsAreFixedByTheStream(t *testing.T) {
	s := bustest.Server(t)
	b := bustest.Join(t, s, func(c *bus.Config) { c.Streams.Partitions = 4 })
	if n := b.Partitions(); n != 4 {
		t.Errorf("%d partitions, want 4", n)
	}
	if n := bustest.Dial(t, s.URL(), nil).Partitions(); n != 4 {
		t.Errorf("another process sees %d partitions, want 4", n)
	}
	cfg := bus.DefaultConfig()
	cfg.Server, cfg.Streams.Partitions = s, 8
	if b, err := bus.Connect(context30(t), cfg, bustest.Logger(t), nil); err == nil {
		b.Close()
		t.Error("joined with another number of partitions")
	} else if !strings.Contains(err.Error(), "has 4 partitions") {
		t.Errorf("error %q does not say what the stream has", err)
	}
}

// Bounds follow the configuration of the process with the server, and of no
// other.
func TestStreamBoundsFollowTheServer(t *testing.T) {
	s := bustest.Server(t)
	bytes := func(b *bus.Bus) int64 {
		infos, err := b.Streams(context30(t))
		if err != nil {
			t.Fatal(err)
		}
		return infos[0].MaxBytes
	}
	b := bustest.Join(t, s, func(c *bus.Config) { c.Streams.Raw.MaxBytes = 8 << 20 })
	bustest.Dial(t, s.URL(), func(c *bus.Config) { c.Streams.Raw.MaxBytes = 16 << 20 })
	if n := bytes(b); n != 8<<20 {
		t.Errorf("a stage elsewhere changed max_bytes to %d", n)
	}
	bustest.Join(t, s, func(c *bus.Config) { c.Streams.Raw.MaxBytes = 32 << 20 })
	if n := bytes(b); n != 32<<20 {
		t.Errorf("max_bytes is %d, want the configured 32 MiB", n)
	}
}

func TestNoRoomForStreams(t *testing.T) {
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir, cfg.MaxMemory = "", t.TempDir(), 1<<20
	s := bustest.Embed(t, cfg)
	c := bus.DefaultConfig()
	c.Server = s
	b, err := bus.Connect(context30(t), c, bustest.Logger(t), nil)
	if err == nil {
		b.Close()
		t.Fatal("joined")
	}
	if !strings.Contains(err.Error(), bus.StreamRaw) || !strings.Contains(err.Error(), "max_bytes") {
		t.Errorf("error %q does not say what to do", err)
	}
}

// The server restarts under stages that go on: what is in memory is lost, what
// is in files is not, and everything works again by itself.
func TestServerRestart(t *testing.T) {
	cfg := bus.DefaultServerConfig()
	cfg.Listen, cfg.StoreDir = "127.0.0.1:0", t.TempDir()
	s := bustest.Embed(t, cfg)
	cfg.Listen = s.Addr()
	b := bustest.Dial(t, s.URL(), nil)
	reader := bustest.Dial(t, s.URL(), nil)
	raw, events, found := must(b.RawPublisher(host)), must(b.EventsPublisher(host)), must(b.DetectionPublisher())
	rawIn, sinkIn := reader.RawConsumer(host), reader.SinkConsumer()
	matched := newTally()
	match(t, context30(t), "m", reader, matched)
	demands := watch(t, b)
	if err := reader.Demand("matcher").Announce(context30(t), demand("m", "ptrace")); err != nil {
		t.Fatal(err)
	}
	demands.wait(t, "m:ptrace,")

	for round := range uint64(3) {
		base := round * 100
		publish(t, raw, batches(base+1, base+10)...)
		publish(t, events, spread(base+1, base+32, 16)...)
		before, ids := detections(int(base)+1, int(base)+5)
		publish(t, found, before...)
		seqs, held := receive(t, rawIn, 10)
		if want := sequence(base+1, base+10); !slices.Equal(seqs, want) {
			t.Fatalf("round %d: raw %v, want %v", round, seqs, want)
		}
		eventually(t, "all partitions", func() bool { return matched.count() >= int(round+1)*32 })
		got, answers := receiveFound(t, sinkIn, "s", 5)
		if !slices.Equal(got, ids) {
			t.Fatalf("round %d: detections %v, want %v", round, got, ids)
		}
		for _, d := range answers {
			d.Ack(nil)
		}
		eventually(t, "the answers to arrive", func() bool {
			p, err := b.Pending(context30(t))
			return err == nil && p.Detections["s"] == 0
		})
		s.Close()
		eventually(t, "the connections to break", func() bool { return !b.Connected() && !reader.Connected() })
		for _, d := range held { // of a stream that is no more
			d.Ack(nil)
		}
		s = bustest.Embed(t, cfg)
		eventually(t, "the connections to stand again", func() bool { return b.Connected() && reader.Connected() })
	}
	demands.wait(t, "m:ptrace,")
	eventually(t, "the streams to be made again", func() bool {
		infos, err := b.Streams(context30(t))
		if err == nil && infos[2].Messages != 15 {
			t.Fatalf("%d detections are left of 15", infos[2].Messages)
		}
		return err == nil
	})
}

// With an inbox prefix nothing of a stage's needs replies elsewhere.
func TestInboxPrefix(t *testing.T) {
	s := bustest.Server(t)
	nc, err := nats.Connect(s.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	strays, err := nc.SubscribeSync("_INBOX.>")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	b := bustest.Dial(t, s.URL(), func(c *bus.Config) { c.InboxPrefix = "_INBOX_all" })
	publish(t, must(b.RawPublisher(host)), batches(1, 5)...)
	publish(t, must(b.EventsPublisher(host)), spread(1, 16, 16)...)
	found, _ := detections(1, 2)
	publish(t, must(b.DetectionPublisher()), found...)
	c := b.RawConsumer(host)
	receive(t, c, 5)
	if err := c.History(context30(t), time.Minute, nil); err != nil {
		t.Fatal(err)
	}
	receiveFound(t, b.SinkConsumer(), "s", 2)
	got := newTally()
	ctx, cancel := context.WithCancel(context30(t))
	defer cancel()
	match(t, ctx, "m", b, got)
	eventually(t, "all partitions", func() bool { return got.count() == 16 })
	if err := b.Demand("m").Announce(context30(t), demand("m", "ptrace")); err != nil {
		t.Fatal(err)
	}
	watch(t, b).wait(t, "m:ptrace,")
	if m, err := strays.NextMsg(100 * time.Millisecond); err == nil {
		t.Errorf("a reply went to %s", m.Subject)
	}
}
