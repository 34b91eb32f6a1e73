package transporttest

import (
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Run holds a transport against the contract.
func Run(t *testing.T, f Factory) {
	checks := []struct {
		name   string
		faulty bool // makes sense on a network that loses without a word
		run    func(r *rig)
	}{
		{"names", true, names}, {"sizes", true, sizes}, {"order", true, order}, {"back", false, back},
		{"slow", false, slow},
		{"drop", true, drop}, {"restart", false, restart}, {"moved", false, moved}, {"silent", false, silent},
		{"liar", true, liar}, {"refused", true, refused}, {"absent", true, absent}, {"streams", true, streams},
		{"closing", true, closing},
	}
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			if f.Faulty && !c.faulty {
				t.Skip("the network loses packets without a word: nothing is promised here")
			}
			before := goleak.IgnoreCurrent()
			r := &rig{t: t, f: f, make: f.Network(t)}
			t.Cleanup(func() { // runs first
				for _, e := range r.ends {
					e.close()
				}
				if err := goleak.Find(before); err != nil && !t.Failed() {
					t.Error(err)
				}
			})
			c.run(r)
		})
	}
}

// rig is one check's network.
type rig struct {
	t    *testing.T
	f    Factory
	make func(Options) (transport.Transport, error)
	ends []*end
}

// end is one end and what its receiver saw.
type end struct {
	transport.Transport
	*Recorder
	t    *testing.T
	f    Factory
	name string
	shut bool
}

// end starts one with the i-th identity.
func (r *rig) end(i int, change func(*Options, *Recorder)) *end {
	r.t.Helper()
	rec := NewRecorder()
	o := Options{Key: Key(i), Receiver: rec}
	if change != nil {
		change(&o, rec)
	}
	tr, err := r.make(o)
	if err != nil {
		r.t.Fatal(err)
	}
	e := &end{Transport: tr, Recorder: rec, t: r.t, f: r.f, name: string(ID(i))}
	r.ends = append(r.ends, e)
	return e
}

// pair starts two ends; the second knows the first.
func (r *rig) pair() (a, b *end) {
	a = r.end(1, nil)
	b = r.end(2, func(o *Options, _ *Recorder) { o.Dialer = true })
	b.Learn(a.Self(), a.Addresses())
	return a, b
}

func (e *end) close() {
	if e.shut {
		return
	}
	e.shut = true
	if err := e.Transport.Close(); err != nil {
		e.t.Errorf("Close: %v", err)
	}
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	e.check(e.t, e.name)
}

// send sends a packet, and waits while too many wait. It returns false for any other error.
func (e *end) send(to wire.PeerID, raw []byte) bool {
	e.t.Helper()
	for until := time.Now().Add(patience); ; pass(time.Millisecond) {
		err := e.Send(to, raw)
		if err == nil {
			return true
		}
		var over *transport.OverflowError
		if !errors.As(err, &over) || time.Now().After(until) {
			return false
		}
	}
}

// must sends a packet that has to be taken.
func (e *end) must(to wire.PeerID, raw []byte) {
	e.t.Helper()
	if !e.send(to, raw) {
		e.t.Fatalf("%s refuses a packet for %s: %v", e.name, to, e.Send(to, raw))
	}
}

// arrives sends a packet again and again until it arrives: for links that may break.
func (e *end) arrives(to *end, raw []byte) {
	e.t.Helper()
	for until := time.Now().Add(patience); time.Now().Before(until); {
		e.send(to.Self(), raw)
		for i := 0; i < 100; i++ {
			found := false
			to.see(e.Self(), func(l *peerLog) { found = len(l.got) > 0 && string(l.got[len(l.got)-1]) == string(raw) })
			if found {
				return
			}
			pass(time.Millisecond)
		}
	}
	e.t.Fatalf("%q does not arrive at %s", raw, to.name)
}

// packet returns n bytes that say who they are: a number, and bytes that follow from it.
func packet(number, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(number + i*7 + i>>8)
	}
	if n >= 8 {
		binary.BigEndian.PutUint64(p, uint64(number))
	}
	return p
}

// whole says whether a packet of at least 8 bytes is as packet made it, and which one it is.
func whole(p []byte) (number int, ok bool) {
	if len(p) < 8 {
		return 0, false
	}
	number = int(binary.BigEndian.Uint64(p))
	for i := 8; i < len(p); i++ {
		if p[i] != byte(number+i*7+i>>8) {
			return number, false
		}
	}
	return number, true
}
