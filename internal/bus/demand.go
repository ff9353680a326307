package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// Demand is who needs which events: one key for each reader, renewed while the
// reader lives.
type Demand struct {
	b   *Bus
	key string

	mu    sync.Mutex
	value []byte // nil when nothing is asked for
	once  sync.Once
}

// Demand returns the demand of one reader of this process; name tells it from
// the others of the process ("matcher", "tail").
func (b *Bus) Demand(name string) *Demand {
	return &Demand{b: b, key: msg.Token(name) + "." + b.instance}
}

// Announce replaces what was asked for before and goes on asking, until
// [Demand.Withdraw] or [Bus.Close]. It returns when the sensors can see it.
func (d *Demand) Announce(ctx context.Context, demand msg.Demand) error {
	value, err := json.Marshal(demand)
	if err != nil {
		return fmt.Errorf("demand of %s: %w", demand.Who, err)
	}
	d.mu.Lock()
	d.value = value
	d.mu.Unlock()
	d.once.Do(func() {
		d.b.onClose(d.withdraw)
		d.b.spawn(d.renew)
	})
	if err := d.put(ctx); err != nil {
		return fmt.Errorf("nats: announcing what %s needs: %w", demand.Who, err)
	}
	return nil
}

// Withdraw stops asking.
func (d *Demand) Withdraw(ctx context.Context) error {
	d.mu.Lock()
	asked := d.value != nil
	d.value = nil
	d.mu.Unlock()
	if !asked {
		return nil
	}
	kv, err := d.b.js.KeyValue(ctx, msg.BucketDemand)
	if err == nil {
		err = kv.Delete(ctx, d.key)
	}
	return err
}

func (d *Demand) withdraw() {
	if !d.b.nc.IsConnected() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := d.Withdraw(ctx); err != nil {
		d.b.log.Debug("nats: withdrawing demand", "key", d.key, "err", err)
	}
}

func (d *Demand) put(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	kv, err := d.b.js.KeyValue(ctx, msg.BucketDemand)
	if err != nil {
		return err
	}
	// Held while it is sent, so that a renewal does not undo a withdrawal.
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.value == nil {
		return nil
	}
	_, err = kv.Put(ctx, d.key, d.value)
	return err
}

// renew keeps the key from expiring, and puts it back after the server may
// have lost it.
func (d *Demand) renew() {
	t := time.NewTicker(d.b.cfg.DemandTTL / 3)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-d.b.rejoin():
		case <-d.b.ctx.Done():
			return
		}
		err := retry(d.b.ctx, reconnectWait, 500*time.Millisecond, func() error { return d.put(d.b.link()) },
			func(err error) { d.b.log.Debug("nats: renewing demand", "key", d.key, "err", err) })
		if err != nil {
			return
		}
	}
}

// Watch calls changed with all current demands, at once and after every
// change, until the context ends, which is no error. While NATS is away the
// last known demands stand.
func (d *Demand) Watch(ctx context.Context, changed func([]msg.Demand)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(d.b.ctx, cancel)()
	w := demandWatch{b: d.b, known: make(map[string]demandEntry), changed: changed}
	for ctx.Err() == nil {
		rejoin := d.b.rejoin()
		if err := w.follow(ctx, rejoin); err != nil && ctx.Err() == nil {
			d.b.log.Warn("cannot see who needs which events, trying again", "err", err)
			sleep(ctx, reconnectWait)
		}
	}
	return nil
}

type demandWatch struct {
	b       *Bus
	known   map[string]demandEntry
	changed func([]msg.Demand)
	told    bool
}

type demandEntry struct {
	raw    string
	demand msg.Demand
	at     time.Time
}

func (w *demandWatch) follow(ctx context.Context, rejoin <-chan struct{}) error {
	kv, err := w.b.js.KeyValue(ctx, msg.BucketDemand)
	if err != nil {
		return err
	}
	keys, err := kv.WatchAll(ctx)
	if err != nil {
		return err
	}
	defer w.b.stopWatch(keys)
	expiry := time.NewTicker(max(w.b.cfg.DemandTTL/4, 250*time.Millisecond))
	defer expiry.Stop()
	complete, differs := false, !w.told
	for {
		select {
		case e, ok := <-keys.Updates():
			switch {
			case !ok:
				return errors.New("the watch ended")
			case e == nil:
				complete = true
			default:
				differs = w.update(e) || differs
			}
		case <-expiry.C:
			differs = w.expire() || differs
		case <-rejoin:
			return nil
		case <-ctx.Done():
			return nil
		}
		if complete && differs {
			differs, w.told = false, true
			w.changed(w.demands())
		}
	}
}

// update enters one key and says whether that changes anything.
func (w *demandWatch) update(e jetstream.KeyValueEntry) bool {
	old, was := w.known[e.Key()]
	if e.Operation() != jetstream.KeyValuePut {
		delete(w.known, e.Key())
		return was
	}
	if was && old.raw == string(e.Value()) {
		old.at = time.Now()
		w.known[e.Key()] = old
		return false
	}
	var d msg.Demand
	if err := json.Unmarshal(e.Value(), &d); err != nil {
		w.b.log.Error("a demand cannot be read and is left out", "key", e.Key(), "err", err)
		delete(w.known, e.Key())
		return was
	}
	w.known[e.Key()] = demandEntry{raw: string(e.Value()), demand: d, at: time.Now()}
	return true
}

// expire drops what was not renewed; the bucket does the same, but its word
// may have been missed. While NATS is away nobody can renew anything.
func (w *demandWatch) expire() (differs bool) {
	away := !w.b.nc.IsConnected()
	for key, e := range w.known {
		switch {
		case away:
			e.at = time.Now()
			w.known[key] = e
		case time.Since(e.at) > w.b.cfg.DemandTTL+5*time.Second:
			delete(w.known, key)
			differs = true
		}
	}
	return differs
}

func (w *demandWatch) demands() []msg.Demand {
	out := make([]msg.Demand, 0, len(w.known))
	for _, key := range slices.Sorted(maps.Keys(w.known)) {
		out = append(out, w.known[key].demand)
	}
	return out
}
