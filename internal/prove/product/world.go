package product

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/doors"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Bounds of waits; a loaded machine stays far below them.
const (
	soon = 60 * time.Second
	long = 3 * time.Minute
)

const (
	loopback = "/ip4/127.0.0.1/tcp/0"
	clients  = 2
	rounds   = 200
)

// node is a process of the program, and where it is.
type node struct {
	*live.Process
	dir       string
	peer      wire.PeerID
	addresses []string
	digest    string
	shut      bool // it links with nobody but its server
}

// world is a job of the program's users.
type world struct {
	*live.World
	s      *prove.Shard
	seed   uint64
	job    string
	want   string // the model of the undisturbed run
	server *node
	line   string // the server's own invitation
	all    []*node
	keys   int        // of strangers, so far
	mu     sync.Mutex // of what strangers that come at once count
}

// dir returns the folder of a node.
func (w *world) folder(name string) string { return filepath.Join(w.Dir, name) }

// do runs a command of an operator to its end, and returns what it wrote.
func (w *world) do(into any, args ...string) error {
	p, err := w.Start(strings.Join(args, " "), nil, append(args, "--json")...)
	if err != nil {
		return err
	}
	code, err := p.Wait(soon)
	if err == nil {
		err = p.Drain(soon)
	}
	if err != nil || code != 0 {
		return errors.Join(fmt.Errorf("%s ended with code %d:\n%s", p.Name, code, p.Log()), err)
	}
	var text strings.Builder
	for _, l := range p.Lines() {
		text.WriteString(l.Text)
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal([]byte(text.String()), into); err != nil {
		return fmt.Errorf("%s: %w: %s", p.Name, err, text.String())
	}
	return nil
}

// start starts a node and waits until it can be reached.
func (w *world) start(name string, args ...string) (*node, error) {
	n := &node{dir: w.folder(name), shut: args[0] == "join"}
	var err error
	if n.Process, err = w.Start(name, nil, append(args, "--json", "--listen", loopback, "--dir",
		n.dir)...); err != nil {
		return nil, err
	}
	w.all = append(w.all, n)
	l, err := n.Await("address", nil, soon, live.Is("listening"))
	n.peer, n.addresses, n.digest = wire.PeerID(l.Peer), l.Addresses, l.Digest
	return n, err
}

// begin runs the job undisturbed, and starts its server.
func (w *world) begin(let int) error {
	w.job = w.folder("doors.yaml")
	text := fmt.Sprintf("name: doors\nrounds: %d\nclients: %d\nseed: %d\nhidden: 64\nepochs: 2\n", rounds, clients,
		w.seed)
	if err := os.WriteFile(w.job, []byte(text), 0o600); err != nil {
		return err
	}
	var done live.Line
	p, err := w.Start("undisturbed run", nil, "run", w.job, "--json", "--dir", w.folder("undisturbed"))
	if err != nil {
		return err
	}
	if done, err = p.Await("result", nil, long, live.Is("done")); err != nil {
		return err
	}
	w.want = done.ModelSHA256
	args := []string{"server", w.job}
	if let > 0 {
		args = append(args, "--allow", string(doors.PeerOf(key(w.seed, let))))
	}
	if w.server, err = w.start("server", args...); err != nil {
		return err
	}
	l, err := w.server.Await("invitation", nil, soon, live.Is("invitation"))
	if w.line = l.Invitation; err == nil && w.line == "" {
		err = fmt.Errorf("the server invites nobody: %s", l.Text)
	}
	return err
}

// identify makes the key of a node that is to come.
func (w *world) identify(name string) (wire.PeerID, error) {
	id, err := identity.New()
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(w.folder(name), 0o700); err != nil {
		return "", err
	}
	return id.Peer(), id.Write(vfs.OS(), w.folder(name))
}

// stranger makes an end with a key of its own.
func (w *world) stranger() (*stranger, error) {
	return w.strangerFor(patience)
}

// strangerFor makes one that tries so long to give its envelopes away.
func (w *world) strangerFor(d time.Duration) (*stranger, error) {
	w.keys++
	return newStranger(key(w.seed, w.keys), d)
}

// add counts tries.
func (w *world) add(kind string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.s.Add(kind, uint64(n))
}

// status asks a node how it is.
func (w *world) status(n *node) (s deploy.Status, err error) {
	return s, w.do(&s, "status", "--dir", n.dir)
}

// tables returns who the server's members are, and whom it lists as peers.
func (w *world) tables() (members []deploy.MemberState, peers []deploy.PeerState, err error) {
	var m struct{ Members []deploy.MemberState }
	var p struct{ Peers []deploy.PeerState }
	err = errors.Join(w.do(&m, "members", "--dir", w.server.dir), w.do(&p, "peers", "--dir", w.server.dir))
	return m.Members, p.Peers, err
}

// raw returns what a node wrote that a terminal takes for more than a text, or "".
func raw(text string) string {
	for _, r := range text {
		if r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == utf8.RuneError) {
			return fmt.Sprintf("%q in %.300q", r, text)
		}
	}
	return ""
}

// clean holds that no node wrote a text of a stranger raw, and that nobody filled its log.
func (w *world) clean(took time.Duration) error {
	for _, n := range w.all {
		warnings := 0
		for _, l := range n.Lines() {
			if bad := raw(l.Text); bad != "" {
				return gained("words", "%s wrote %s", n.Name, bad)
			}
			if l.Event == "warning" {
				warnings++
			}
		}
		if bad := raw(n.Errors()); bad != "" {
			return gained("words", "%s wrote %s to its standard error", n.Name, bad)
		}
		if most := int(took/time.Second) + 10; warnings > most {
			return gained("words", "%s warned %d times in %v", n.Name, warnings, took)
		}
	}
	return nil
}

// end waits for the end of the job at all its nodes, which must come to the model of the undisturbed run.
func (w *world) end(nodes ...*node) error {
	for _, n := range nodes {
		done, err := n.Await("result", nil, long, live.Is("done"))
		if err != nil {
			return err
		}
		if done.ModelSHA256 != w.want {
			return fmt.Errorf("%s has the model %.16s, the undisturbed run %.16s", n.Name, done.ModelSHA256, w.want)
		}
		if err := n.EndsWith(0, soon); err != nil {
			return err
		}
	}
	return nil
}
