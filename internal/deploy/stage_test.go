package deploy

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// stage is a server as users start it, on a network within the process.
type stage struct {
	t      *testing.T
	net    *memory.Network
	fsys   *vfs.Mem
	at     Listening
	door   Invited
	ended  chan error
	cancel context.CancelFunc

	mu       sync.Mutex
	warnings []string
	joined   []Joined
}

// newStage starts a server of two clients; change may change what it is started with.
func newStage(t *testing.T, net *memory.Network, fsys *vfs.Mem, change func(*ServerOptions)) *stage {
	t.Helper()
	s := &stage{t: t, net: net, fsys: fsys, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	s.cancel = cancel
	cfg := federated.Default()
	cfg.Clients, cfg.Rounds = 2, 10
	told := make(chan any, 64)
	o := ServerOptions{Job: &cfg, Linger: 20 * time.Second, Options: Options{Dir: "server", FS: fsys,
		Listen:  []string{"/memory/server"},
		Network: memoryNet(net),
		Notify: func(what any) {
			s.mu.Lock()
			defer s.mu.Unlock()
			switch x := what.(type) {
			case Listening, Invited:
				told <- x
			case Warning:
				s.warnings = append(s.warnings, x.Text)
			case Joined:
				s.joined = append(s.joined, x)
			}
		}}}
	if change != nil {
		change(&o)
	}
	go func() {
		_, err := Serve(ctx, o)
		s.ended <- err
	}()
	for range 2 {
		select {
		case what := <-told:
			switch x := what.(type) {
			case Listening:
				s.at = x
			case Invited:
				s.door = x
			}
		case err := <-s.ended:
			t.Fatalf("the server ended: %v", err)
		case <-time.After(patience):
			t.Fatal("the server does not listen")
		}
	}
	return s
}

// stop ends the server.
func (s *stage) stop() {
	s.cancel()
	<-s.ended
}

// told returns what the server warned of.
func (s *stage) told() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.warnings, "\n")
}

// places returns how many clients were given a number in this life.
func (s *stage) places() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.joined)
}

// guest is a client as far as the exchange of the job.
type guest struct {
	peer wire.PeerID
	port *memory.Port
}

func newGuest(t *testing.T, net *memory.Network) *guest {
	t.Helper()
	id, err := identity.New()
	if err != nil {
		t.Fatal(err)
	}
	return &guest{id.Peer(), net.Attach(id.Peer(), nobody{})}
}

// ask says a Hello and returns what came of it.
func (g *guest) ask(t *testing.T, server wire.PeerID, h exchange.Hello) (*exchange.Package, error) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	s, err := g.port.Open(ctx, server, exchange.Protocol)
	if err != nil {
		return nil, err
	}
	defer s.Close()
	h.Peer = string(g.peer)
	return exchange.Ask(s, h, exchange.ArtifactMax)
}

// secretOf reads the secret of an invitation's text.
func secretOf(t *testing.T, text string) *invitation.Secret {
	t.Helper()
	i, err := invitation.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return &i.Secret
}
