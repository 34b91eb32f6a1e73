package deploy

import (
	"context"
	"encoding/hex"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/gossip"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// begun makes a directory as another release would have begun it: with settings that lack what was added since, and a
// program that this compiler does not make of them.
func begun(t *testing.T, fsys vfs.FS, role, kind, place string, settings map[string]string,
	art *compile.Artifact) (digest string) {
	t.Helper()
	d, err := OpenDir(fsys, "node")
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	raw, err := onnx.Marshal(art.Model)
	if err == nil {
		err = d.keepArtifact(raw)
	}
	digest = hex.EncodeToString(art.Digest[:])
	if err == nil {
		err = d.Save(func(r *Record) error {
			r.Role, r.Job, r.Kind, r.Place, r.Settings, r.Seed, r.Digest, r.Starts = role, settings["name"], kind,
				place, settings, 1, digest, 1
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	return digest
}

// TestStoredProgramIsServed: a server and a peer go on with the program that lies in their directory, from settings of
// an earlier release; where that program is lost, they say which file is, and do not begin with another one.
func TestStoredProgramIsServed(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	other := federated.Default()
	other.LearningRate = 0.07
	art, err := other.Compile()
	if err != nil {
		t.Fatal(err)
	}
	old := maps.Clone(federated.Default().Settings())
	delete(old, "layers")
	delete(old, "chunk")
	equal := gossip.Default()
	equal.Discovery = gossip.DiscoveryExchange
	asked := equal.Settings()
	equal.LearningRate = 0.07
	plain, err := equal.Compile()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		make func(vfs.FS) string
		run  func(context.Context, Options) error
	}{
		"server": {
			func(fsys vfs.FS) string {
				return begun(t, fsys, RoleServer, federated.Name, job.ServerPlace, old, art)
			},
			func(ctx context.Context, o Options) error {
				_, err := Serve(ctx, ServerOptions{Options: o})
				return err
			},
		},
		"peer": {
			func(fsys vfs.FS) string {
				return begun(t, fsys, RolePeer, gossip.Name, gossip.PeersPlace, asked, plain)
			},
			func(ctx context.Context, o Options) error {
				_, err := RunPeer(ctx, PeerOptions{Options: o})
				return err
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			fsys := vfs.NewMem()
			digest := c.make(fsys)
			told, ended := make(chan Listening, 1), make(chan error, 1)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			o := Options{Dir: "node", FS: fsys, Listen: []string{"/memory/" + name},
				Network: memoryNet(net),
				Notify: func(what any) {
					if l, ok := what.(Listening); ok {
						told <- l
					}
				}}
			go func() { ended <- c.run(ctx, o) }()
			select {
			case l := <-told:
				if l.Digest != digest || !l.Resumed {
					t.Errorf("it runs %.12s, and %.12s is stored", l.Digest, digest)
				}
			case err := <-ended:
				t.Fatal(err)
			case <-time.After(patience):
				t.Fatal("it does not listen")
			}
			cancel()
			if err := <-ended; !errors.Is(err, ErrInterrupted) {
				t.Errorf("interrupted: %v", err)
			}
			if err := fsys.Remove("node/" + artifactFile); err != nil {
				t.Fatal(err)
			}
			err := c.run(t.Context(), o)
			var de *DirError
			if !errors.As(err, &de) || !strings.Contains(de.Reason, "keeps no "+artifactFile) {
				t.Errorf("without its program: %v", err)
			}
		})
	}
}
