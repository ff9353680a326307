package bus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/tripline/tripline/pkg/msg"
)

// membership makes this process one of the matchers that share the partitions
// and tells it which are its own. Each puts a key into a bucket and renews it;
// everybody sees the same keys and works out the same shares.
type membership struct {
	b      *Bus
	key    string
	group  string // before the dot of the key, "" where there is none
	value  []byte
	assign func(mine map[uint32]bool)
	gone   chan struct{}
	once   sync.Once
	mu     sync.Mutex // an assignment does not overtake leaving

	seen map[string]time.Time // keys of live matchers; of run only
}

// member is the value of a key, for people and `tripline status`.
type member struct {
	Name string `json:"name"`
}

func (b *Bus) join(ctx context.Context, group, name string, assign func(map[uint32]bool)) (*membership, error) {
	value, err := json.Marshal(member{Name: name})
	if err != nil {
		return nil, err
	}
	key := b.instance
	if group != "" {
		group = msg.Token(group)
		key = group + "." + key
	}
	m := &membership{b: b, key: key, group: group, value: value, assign: assign, gone: make(chan struct{}), seen: make(map[string]time.Time)}
	if err := m.renew(ctx); err != nil {
		return nil, fmt.Errorf("nats: joining the matchers: %w", err)
	}
	b.onClose(m.leave)
	b.spawn(m.run)
	return m, nil
}

func (m *membership) renew(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, apiTimeout)
	defer cancel()
	kv, err := m.b.js.KeyValue(ctx, bucketMatchers)
	if err == nil {
		_, err = kv.Put(ctx, m.key, m.value)
	}
	return err
}

// leave takes this matcher off the list and its partitions away.
func (m *membership) leave() {
	m.once.Do(func() {
		m.mu.Lock()
		close(m.gone)
		m.assign(nil)
		m.mu.Unlock()
		if !m.b.nc.IsConnected() {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		kv, err := m.b.js.KeyValue(ctx, bucketMatchers)
		if err == nil {
			err = kv.Delete(ctx, m.key)
		}
		if err != nil {
			m.b.log.Debug("nats: leaving the matchers", "err", err)
		}
	})
}

func (m *membership) run() {
	ctx, cancel := context.WithCancel(m.b.ctx)
	defer cancel()
	go func() {
		select {
		case <-m.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	renew := time.NewTicker(m.b.cfg.Consumer.MemberTTL / 3)
	defer renew.Stop()
	for ctx.Err() == nil {
		rejoin := m.b.rejoin()
		w, err := m.watch(ctx)
		if err != nil {
			m.b.log.Debug("nats: watching the matchers", "err", err)
			sleep(ctx, reconnectWait)
			continue
		}
		m.follow(ctx, w, renew.C, rejoin)
		m.b.stopWatch(w)
	}
}

func (m *membership) watch(ctx context.Context) (jetstream.KeyWatcher, error) {
	kv, err := m.b.js.KeyValue(ctx, bucketMatchers)
	if err != nil {
		return nil, err
	}
	return kv.WatchAll(ctx)
}

// follow keeps seen and the assignment up to date until the connection was
// renewed.
func (m *membership) follow(ctx context.Context, w jetstream.KeyWatcher, renew <-chan time.Time, rejoin <-chan struct{}) {
	complete := false
	for {
		select {
		case e, ok := <-w.Updates():
			switch {
			case !ok:
				return
			case e == nil: // the keys that were there have been seen
				complete = true
			case !m.beside(e.Key()):
			case e.Operation() == jetstream.KeyValuePut:
				m.seen[e.Key()] = time.Now()
			default:
				delete(m.seen, e.Key())
			}
		case <-renew:
			if err := m.renew(ctx); err != nil && ctx.Err() == nil {
				m.b.log.Debug("nats: renewing the membership", "err", err)
			}
			m.expire()
		case <-rejoin:
			if err := m.renew(ctx); err != nil {
				m.b.log.Debug("nats: renewing the membership", "err", err)
			}
			return
		case <-ctx.Done():
			return
		}
		if complete {
			m.share()
		}
	}
}

// beside says whether a key is of a matcher of the same group.
func (m *membership) beside(key string) bool {
	group, _, ok := strings.Cut(key, ".")
	if !ok {
		group = ""
	}
	return group == m.group
}

// expire forgets matchers that fell silent. While NATS is away everybody is
// silent, which says nothing.
func (m *membership) expire() {
	if !m.b.nc.IsConnected() {
		for key := range m.seen {
			m.seen[key] = time.Now()
		}
		return
	}
	for key, at := range m.seen {
		if time.Since(at) > m.b.cfg.Consumer.MemberTTL {
			delete(m.seen, key)
		}
	}
}

func (m *membership) share() {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.gone:
		return
	default:
	}
	m.seen[m.key] = time.Now()
	mine := make(map[uint32]bool)
	for p, owner := range shares(m.b.partitions, slices.Sorted(maps.Keys(m.seen))) {
		if owner == m.key {
			mine[uint32(p)] = true
		}
	}
	m.assign(mine)
}

// shares says which member reads which partition: none has two more than
// another, and few partitions move when a member comes or goes.
// Everybody who knows the same members comes to the same answer.
func shares(partitions uint32, members []string) []string {
	out := make([]string, partitions)
	if len(members) == 0 {
		return out
	}
	type rank struct {
		member string
		weight uint64
	}
	// Everybody gets the quotient, and as many one more as the rest says.
	least, more := int(partitions)/len(members), int(partitions)%len(members)
	count := make(map[string]int, len(members))
	ranks := make([]rank, len(members))
	for p := range out {
		for i, member := range members {
			h := fnv.New64a()
			// Writing to a hash never fails.
			_, _ = fmt.Fprintf(h, "%d/%s", p, member)
			ranks[i] = rank{member, mix(h.Sum64())}
		}
		slices.SortFunc(ranks, func(a, b rank) int {
			return cmp.Or(cmp.Compare(b.weight, a.weight), cmp.Compare(a.member, b.member))
		})
		for _, r := range ranks {
			if n := count[r.member]; n < least || n == least && more > 0 {
				if n == least {
					more--
				}
				out[p] = r.member
				count[r.member]++
				break
			}
		}
	}
	return out
}

// mix spreads a hash whose last bytes barely reach the high bits (the
// finalizer of MurmurHash3).
func mix(h uint64) uint64 {
	h ^= h >> 33
	h *= 0xff51afd7ed558ccd
	h ^= h >> 33
	h *= 0xc4ceb9fe1a85ec53
	h ^= h >> 33
	return h
}
