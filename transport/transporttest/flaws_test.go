package transporttest

import (
	"crypto/ed25519"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// flaws are transports that break one promise each, and the check that must notice.
var flaws = map[string]string{
	"none":    "",
	"swaps":   "order",   // two packets change places
	"repeats": "order",   // a packet comes twice
	"loses":   "order",   // a packet is lost and nobody is told
	"spoils":  "sizes",   // a byte of a packet changes
	"admits":  "refused", // nobody is asked who may come
	"mute":    "drop",    // Unlinked is not told
	"late":    "closing", // Close does not wait for the receiver
}

// flawed is an end with a flaw.
type flawed struct {
	transport.Transport
	flaw string
	mu   sync.Mutex
	held []byte
	n    int
}

func (f *flawed) Send(to wire.PeerID, raw []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.n++
	switch {
	case f.flaw == "swaps" && f.n%50 == 10:
		f.held = raw
		return nil
	case f.flaw == "swaps" && f.n%50 == 11:
		if err := f.Transport.Send(to, raw); err != nil {
			return err
		}
		return f.Transport.Send(to, f.held)
	case f.flaw == "repeats" && f.n == 10:
		if err := f.Transport.Send(to, raw); err != nil {
			return err
		}
	case f.flaw == "loses" && f.n == 10:
		return nil
	case f.flaw == "spoils" && len(raw) > 100:
		raw = append([]byte{}, raw...)
		raw[50]++
	}
	return f.Transport.Send(to, raw)
}

func (f *flawed) Close() error {
	if f.flaw == "late" {
		go f.Transport.Close()
		return nil
	}
	return f.Transport.Close()
}

// ear is the receiver of a flawed end.
type ear struct {
	transport.Receiver
	flaw string
}

func (e ear) Admit(p wire.PeerID) error {
	if e.flaw == "admits" {
		return nil
	}
	return e.Receiver.Admit(p)
}

func (e ear) Unlinked(p wire.PeerID, reason error) {
	if e.flaw != "mute" {
		e.Receiver.Unlinked(p, reason)
	}
}

// TestFlawed runs the kit over the flaw that the environment names; it is run by TestFlawsAreFound.
func TestFlawed(t *testing.T) {
	flaw := os.Getenv("RHIZOME_TRANSPORT_FLAW")
	if flaw == "" {
		t.Skip("run by TestFlawsAreFound")
	}
	if flaw != "none" {
		patience = 700 * time.Millisecond // it fails anyway
	}
	Run(t, Factory{Gone: true, Network: func(*testing.T) func(Options) (transport.Transport, error) {
		var net *memory.Network
		return func(o Options) (transport.Transport, error) {
			if net == nil {
				net = memory.New(memory.Options{PacketBytes: o.PacketBytes, QueueMessages: o.QueuePackets,
					QueueBytes: o.QueueBytes})
			}
			id, err := wire.PeerIDFromPublicKey(o.Key.Public().(ed25519.PublicKey))
			return &flawed{Transport: net.Attach(id, ear{o.Receiver, flaw}), flaw: flaw}, err
		}
	}})
}

// TestFlawsAreFound: the kit passes a sound transport and fails each flawed one, in the check that is there for it.
func TestFlawsAreFound(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for flaw, check := range flaws {
		t.Run(flaw, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(self, "-test.run=^TestFlawed$/"+check, "-test.v")
			cmd.Env = append(os.Environ(), "RHIZOME_TRANSPORT_FLAW="+flaw)
			out, err := cmd.CombinedOutput()
			switch {
			case check == "" && err != nil:
				t.Errorf("a sound transport fails:\n%s", out)
			case check != "" && (err == nil || !strings.Contains(string(out), "--- FAIL: TestFlawed/"+check)):
				t.Errorf("not noticed by %q: %v\n%s", check, err, out)
			}
		})
	}
}
