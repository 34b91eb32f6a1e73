package deploy

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// nobody is a receiver that takes nothing.
type nobody struct{}

func (nobody) Admit(wire.PeerID) error           { return nil }
func (nobody) Receive(wire.PeerID, []byte) error { return nil }
func (nobody) Linked(wire.PeerID, string)        {}
func (nobody) Unlinked(wire.PeerID, error)       {}
func (nobody) Lost(wire.PeerID, int, error)      {}

// TestServerStopsOnAFullDisk: a server that cannot write down a new client ends with the error of the disk, and does
// not stay to turn clients away; when there is room again the same directory serves that client.
func TestServerStopsOnAFullDisk(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	fsys := vfs.NewMem()
	who, err := identity.New()
	if err != nil {
		t.Fatal(err)
	}
	client := net.Attach(who.Peer(), nobody{})
	cfg := federated.Default()
	serve := func(ctx context.Context) (listening Listening, ended chan error) {
		told, ended := make(chan Listening, 1), make(chan error, 1)
		o := ServerOptions{Job: &cfg, Open: true, Options: Options{Dir: "server", FS: fsys,
			Listen: []string{"/memory/server"},
			Network: func(e End) (transport.Transport, error) {
				return net.Attach(e.ID.Peer(), e.Receiver), nil
			},
			Notify: func(what any) {
				if l, ok := what.(Listening); ok {
					told <- l
				}
			}}}
		go func() {
			_, err := Serve(ctx, o)
			ended <- err
		}()
		select {
		case listening = <-told:
		case err := <-ended:
			t.Fatal(err)
		}
		return listening, ended
	}
	ask := func(server wire.PeerID) error {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		s, err := client.Open(ctx, server, exchange.Protocol)
		if err != nil {
			return err
		}
		defer s.Close()
		_, err = exchange.Ask(s, exchange.Hello{Peer: string(who.Peer())}, exchange.ArtifactMax)
		return err
	}

	server, ended := serve(t.Context())
	fsys.SetCapacity(1)
	if err := ask(server.Peer); err == nil {
		t.Fatal("a client was given a number that is written nowhere")
	}
	select {
	case err := <-ended:
		if !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("the server ended with %v", err)
		}
	case <-time.After(patience):
		t.Fatal("the server goes on, and turns its clients away")
	}
	fsys.SetCapacity(0)
	ctx, cancel := context.WithCancel(t.Context())
	server, ended = serve(ctx)
	if err := ask(server.Peer); err != nil {
		t.Errorf("with room again: %v", err)
	}
	cancel()
	if err := <-ended; !errors.Is(err, ErrInterrupted) {
		t.Errorf("interrupted: %v", err)
	}
}
