package outages

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// The phases of a round.
const (
	idle        = "idle"
	selected    = "selected"
	downloading = "downloading"
	training    = "training"
	uploading   = "uploading"
	aggregating = "aggregating"
	saving      = "saving"
)

// phaseRow says what a node does in a phase, or why it has none.
type phaseRow struct{ name, server, client, none string }

var phaseRows = []phaseRow{
	{name: idle, server: "a client has joined, and the other has not",
		client: "its update is acknowledged, and the round goes on elsewhere"},
	{name: selected, server: "the cohort is drawn, and no client has its model",
		client: "it has the model, and has finished no step"},
	{name: downloading, server: "one client has its model, and the other has not",
		client: "the server has sent the model, and the client has not taken it"},
	{name: training, server: "all have the model, and no update is in", client: "it has finished some of its steps"},
	{name: uploading, server: "one update is in, and the other is not",
		client: "its update has left, and is not acknowledged"},
	{name: aggregating, server: "all updates are in, and the round is not told",
		none: "a client does not aggregate: it is idle then"},
	{name: saving, server: "a snapshot is being written", client: "a snapshot is being written"},
}

// tracked reads what phase a node is in from its journal: the phase that the node comes back in when it is killed now.
// The node must not write meanwhile.
type tracked struct {
	dir         string // as this process sees it
	server      string // peer id of the server
	clients     []string
	train, back int32 // edges
}

// track learns who the nodes are from the server's folder.
func track(dir, serverDir string) (*tracked, error) {
	cfg, rec, err := installed(serverDir)
	if err != nil {
		return nil, err
	}
	t := &tracked{dir: dir, server: string(cfg.Self), train: -1, back: -1}
	for _, m := range rec.Members {
		t.clients = append(t.clients, string(m.Peer))
	}
	for i, e := range cfg.Program.Edges {
		switch e.Name {
		case "train":
			t.train = int32(i)
		case "update":
			t.back = int32(i)
		}
	}
	if t.train < 0 || t.back < 0 {
		return nil, errors.New("the program has no edges train and update")
	}
	return t, nil
}

// walk calls see with each record of a journal that is not being written.
func walk(dir string, see func(r *record.Record, in []*wire.Envelope)) error {
	reg, lim := value.NewRegistry(), wire.DefaultLimits()
	_, err := journal.Walk(vfs.OS(), dir, 0, func(at journal.Position, payload []byte) error {
		r, err := record.Decode(reg, at.Record, payload)
		if err != nil {
			return err
		}
		var in []*wire.Envelope
		for i := range r.Events {
			if e := r.Events[i].Envelope; e != nil {
				if env, err := wire.Decode(e.Raw, reg, lim); err == nil { // what no node can read changes no phase
					in = append(in, env)
				}
			}
		}
		see(r, in)
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil // nothing is there yet, or a file has gone meanwhile: no phase is seen
	}
	return err
}

// writing says whether a snapshot is being written.
func writing(dir string) (bool, error) {
	names, err := vfs.OS().List(dir)
	for _, name := range names {
		if unnamed(name) {
			return true, nil
		}
	}
	return false, err
}

// unnamed says whether a file is a snapshot that has not got its name yet.
func unnamed(name string) bool {
	return strings.HasPrefix(name, "snapshot-") && strings.HasSuffix(name, ".tmp")
}

// client returns the phase of a client, and which question of the server it is about.
func (t *tracked) client() (phase string, question uint64, err error) {
	phase = idle
	var sent uint64 // the number of the answer
	err = walk(t.dir, func(r *record.Record, in []*wire.Envelope) {
		for i := range r.Events {
			if r.Events[i].Completion != nil && phase == selected {
				phase = training
			}
		}
		for _, e := range in {
			if string(e.From) == t.server && e.Edge == t.train && e.Request.ID > question {
				phase, question = selected, e.Request.ID
			}
			if phase == uploading && e.AckEpoch != 0 && e.Ack >= sent {
				phase = idle
			}
		}
		for _, d := range r.Departures() {
			if d.Edge == t.back && d.Number != 0 && (phase == selected || phase == training) {
				phase, sent = uploading, d.Number
			}
		}
	})
	return phase, question, err
}

// book is what the server's journal says of one client in the present round.
type book struct {
	sent, acked, in bool
	number          uint64
}

// serverBooks returns what the server's journal says of the present round.
func (t *tracked) serverBooks() (map[string]*book, error) {
	books := map[string]*book{}
	clear := func() {
		for _, p := range t.clients {
			books[p] = &book{}
		}
	}
	clear()
	err := walk(t.dir, func(r *record.Record, in []*wire.Envelope) {
		for _, e := range in {
			b := books[string(e.From)]
			if b == nil || !b.sent {
				continue
			}
			b.acked = b.acked || e.AckEpoch != 0 && e.Ack >= b.number
			if e.Answer.IsSet() && e.Edge == t.back {
				b.acked, b.in = true, true
			}
		}
		out := r.Departures()
		if slices.ContainsFunc(out, func(d record.Departure) bool { return d.Event(job.EventRound) }) {
			clear() // the models of the next round may leave in the same record
		}
		for _, d := range out {
			for p, b := range books {
				if d.Edge == t.train && d.Number != 0 && d.To(p) && !b.sent {
					b.sent, b.number = true, d.Number
				}
			}
		}
	})
	return books, err
}

// serverPhase returns the phase of the server.
func (t *tracked) serverPhase() (string, error) {
	books, err := t.serverBooks()
	sent, acked, in := 0, 0, 0
	for _, b := range books {
		sent, acked, in = sent+one(b.sent), acked+one(b.acked), in+one(b.in)
	}
	n := len(t.clients)
	switch {
	case err != nil || sent < n || n == 0:
		return idle, err
	case in == n:
		return aggregating, nil
	case in > 0:
		return uploading, nil
	case acked == n:
		return training, nil
	case acked > 0:
		return downloading, nil
	}
	return selected, nil
}

// inOf says whether a client's update of the present round is in.
func (t *tracked) inOf(client string) bool {
	books, err := t.serverBooks()
	b := books[client]
	return err == nil && b != nil && b.in
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

// member returns the peer id of the client in a folder.
func member(dir string) (string, error) {
	cfg, rec, err := installed(dir)
	if err == nil && rec.Role != deploy.RoleClient {
		err = errors.New(filepath.Base(dir) + " is no client")
	}
	return string(cfg.Self), err
}
