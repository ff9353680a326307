package bustest

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
)

// Proxy stands between a process and its server, to be cut.
type Proxy struct {
	l      net.Listener
	target string

	mu    sync.Mutex
	flows sync.Cond // told when held changes
	held  bool
	down  bool
	conns map[net.Conn]bool
}

// NewProxy forwards a free loopback port to target, a host:port. It ends with
// the test.
func NewProxy(t testing.TB, target string) *Proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{l: l, target: target, conns: make(map[net.Conn]bool)}
	p.flows.L = &p.mu
	go p.accept()
	t.Cleanup(func() {
		if err := l.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
			t.Error(err)
		}
		p.Cut()
		p.Release()
	})
	return p
}

// URL is what to connect to.
func (p *Proxy) URL() string { return "nats://" + p.l.Addr().String() }

// Cut breaks all connections; what is on its way is lost. New ones are
// forwarded, unless the proxy is down.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		p.forget(c)
	}
}

// Down refuses new connections, after breaking all, until Up.
func (p *Proxy) Down() {
	p.mu.Lock()
	p.down = true
	p.mu.Unlock()
	p.Cut()
}

// Up ends Down.
func (p *Proxy) Up() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Hold keeps everything from passing, without a sign to either end, until
// Release: a cable that was pulled.
func (p *Proxy) Hold() { p.hold(true) }

// Release ends Hold; what was sent meanwhile passes now.
func (p *Proxy) Release() { p.hold(false) }

func (p *Proxy) hold(held bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = held
	p.flows.Broadcast()
}

func (p *Proxy) accept() {
	for {
		in, err := p.l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			p.discard(in)
			continue
		}
		p.mu.Lock()
		p.conns[in], p.conns[out] = true, true
		if p.down {
			p.forget(in)
			p.forget(out)
		}
		p.mu.Unlock()
		go p.forward(in, out)
		go p.forward(out, in)
	}
}

func (p *Proxy) forward(to, from net.Conn) {
	// Either end may go at any time: that is what the proxy is for.
	_, _ = io.Copy(valve{p, to}, from)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(to)
	p.forget(from)
}

// valve lets through what is written while the proxy is not held.
type valve struct {
	p  *Proxy
	to net.Conn
}

func (v valve) Write(b []byte) (int, error) {
	v.p.mu.Lock()
	for v.p.held {
		v.p.flows.Wait()
	}
	v.p.mu.Unlock()
	return v.to.Write(b)
}

func (p *Proxy) forget(c net.Conn) {
	delete(p.conns, c)
	p.discard(c)
}

func (p *Proxy) discard(c net.Conn) {
	// Closing twice is harmless here.
	_ = c.Close()
}
