package archive

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TuneError says that a setting cannot be changed in a fork.
type TuneError struct {
	Key    string
	Reason string // why, and what could be done
}

// Error names the setting and the reason.
func (e *TuneError) Error() string { return e.Key + " cannot be changed in this fork: " + e.Reason }

// roundsBody is the function that the loop of rounds runs for each round.
const roundsBody = job.RoundsLoop + "/body"

// retuned is a fork with other settings: the programs that its nodes go on with.
type retuned struct {
	members []job.Member
	cfg     job.Served
	digest  [32]byte
	art     *compile.Artifact
}

// retune checks the settings that are given and compiles the program that they make.
func (f *fork) retune() (*retuned, error) {
	keys, tunable := job.KeysOf(f.old.Config.Kind()), f.old.Config.Tunable()
	for _, key := range keys {
		if _, ok := f.o.Set[key]; ok && !slices.Contains(tunable, key) {
			return nil, &TuneError{key, "it decides what the nodes are or what their states hold; a fork may change " +
				strings.Join(tunable, ", ")}
		}
	}
	for key := range f.o.Set {
		if !slices.Contains(keys, key) {
			none := cmp.Or(job.Here(f.old.Config.Kind(), key), "there is no such setting")
			return nil, &TuneError{key, none + "; a fork may change " + strings.Join(tunable, ", ")}
		}
	}
	cfg, err := job.With(f.old.Config, f.o.Set)
	if err != nil {
		return nil, err
	}
	if job.Diff(cfg, f.old.Config) == "" {
		return nil, nil
	}
	if cfg.About().Rounds <= f.o.At {
		return nil, &TuneError{"rounds", fmt.Sprintf("it is %d, and %d rounds are finished; want more",
			cfg.About().Rounds, f.o.At)}
	}
	art, err := job.Compile(cfg)
	if err != nil {
		return nil, err
	}
	t := &retuned{cfg: cfg, digest: art.Digest, art: art}
	if t.members, err = f.members(art, cfg); err != nil {
		return nil, err
	}
	key := job.Diff(cfg, f.old.Config)
	for i, n := range f.old.Nodes {
		if err := sameShape(n.Config.Program, t.members[i].Config.Program); err != "" {
			return nil, &TuneError{key, f.differs(i, err)}
		}
	}
	return t, nil
}

// differs says why the program of a node cannot be put in the place of the old one, from which it differs: for the new
// setting, or whatever is set, because this release, or another file of a model, makes another program of the old
// settings too.
func (f *fork) differs(i int, how string) string {
	if art, err := job.Compile(f.old.Config); err == nil {
		if members, err := f.members(art, f.old.Config); err == nil {
			if also := sameShape(f.old.Nodes[i].Config.Program, members[i].Config.Program); also != "" {
				return "the settings of the run make another program here than it was begun with (" + also +
					"); fork it with no other setting, or with the release and the files that it was begun with"
			}
		}
	}
	return "with it the program is another one (" + how + ")"
}

// sameShape says in what two programs differ other than in the values of their constants and where their author wrote
// them, or nothing.
func sameShape(a, b *program.Program) string {
	if !reflect.DeepEqual(a.Edges, b.Edges) || !reflect.DeepEqual(a.Components, b.Components) {
		return "edges or components differ"
	}
	if len(a.Funcs) != len(b.Funcs) || a.Main != b.Main || a.Bootstrap != b.Bootstrap {
		return fmt.Sprintf("%d functions and not %d", len(b.Funcs), len(a.Funcs))
	}
	for i := range a.Funcs {
		x, y := a.Funcs[i], b.Funcs[i]
		x.Ops, y.Ops = slices.Clone(x.Ops), slices.Clone(y.Ops)
		for k := range min(len(x.Ops), len(y.Ops)) {
			p, q := &x.Ops[k], &y.Ops[k]
			p.Line, q.Line = "", "" // a run of an earlier release has other lines, and is the same program
			if sameKind(p.Value, q.Value) {
				p.Value, q.Value = nil, nil
			}
		}
		if !reflect.DeepEqual(x, y) {
			return "function " + x.Name + " differs"
		}
	}
	return ""
}

// sameKind says whether one constant can stand for another: they are of one type, and tensors of one shape.
func sameKind(a, b value.Value) bool {
	if a == nil || b == nil || a.Type() != b.Type() {
		return a == nil && b == nil
	}
	x, ok1 := a.(value.Tensor)
	y, ok2 := b.(value.Tensor)
	return !ok1 || !ok2 || x.DType() == y.DType() && slices.Equal(x.Shape(), y.Shape())
}

// apply puts the nodes that were found into the new programs, and sees that each can be restored in its own. Work that
// is under way goes on as it was begun.
func (t *retuned) apply(f *fork) error {
	for i := range f.cuts {
		m, cfg := f.cuts[i].message, t.members[i].Config
		old := f.old.Nodes[i].Config.Program
		if err := t.redirect(m, old.Digest, cfg.Values); err != nil {
			return err
		}
		if i == 0 && t.cfg.About().Rounds != f.old.Config.About().Rounds &&
			!t.extend(m, old, f.old.Config.About().Rounds) {
			return &TuneError{"rounds",
				fmt.Sprintf("round %d was the last, and the loop of rounds has ended there; fork after an earlier one",
					f.o.At)}
		}
		payload, err := snapshot.Marshal(cfg.Values, m)
		if err == nil {
			_, err = node.Restored(cfg, payload)
		}
		if err != nil {
			return &job.NodeError{Node: t.members[i].Name, Err: err}
		}
	}
	return nil
}

// extend gives the loop of rounds another end, and says whether it runs.
func (t *retuned) extend(m *snapshot.NodeSnapshot, p *program.Program, rounds int) bool {
	found := false
	for i := range m.Transient.ExecutionState {
		x := &m.Transient.ExecutionState[i]
		if p.Funcs[x.Func].Name == roundsBody && x.Count == int64(rounds) {
			x.Count, found = int64(t.cfg.About().Rounds), true
		}
	}
	return found
}

// redirect makes the state one of the new artifact: with its digest, and with envelopes that name it.
func (t *retuned) redirect(m *snapshot.NodeSnapshot, old [32]byte, reg *value.Registry) error {
	m.Artifact.Digest = slices.Clone(t.digest[:])
	embedded := func(e *snapshot.Embedded) error {
		b, err := e.Bytes(reg)
		if err == nil && len(b) > 0 {
			if b, err = t.readdress(b, old); err == nil {
				*e = snapshot.Raw(b)
			}
		}
		return err
	}
	fw := &m.Transient.Framework
	for i := range fw.PendingOutbound {
		if err := embedded(&fw.PendingOutbound[i].Envelope); err != nil {
			return err
		}
	}
	for i := range fw.Requests {
		if err := embedded(&fw.Requests[i].Envelope); err != nil {
			return err
		}
	}
	for i := range fw.Inbound {
		if err := embedded(&fw.Inbound[i].Answer); err != nil {
			return err
		}
	}
	for i := range m.Transient.Ingress {
		if ev := &m.Transient.Ingress[i]; ev.Envelope != nil {
			b, err := t.readdress(ev.Envelope.Raw, old)
			if err != nil {
				return err
			}
			ev.Envelope = &snapshot.EnvelopeEvent{From: ev.Envelope.From, Raw: b}
		}
	}
	return nil
}

// readdress returns an envelope with the new digest in the place of the old one.
func (t *retuned) readdress(b []byte, old [32]byte) ([]byte, error) {
	var p wire.Parts
	b = slices.Clone(b)
	at := -1
	if p.Split(b) {
		at = bytes.Index(p.Head, old[:])
	}
	if at < 0 {
		return nil, fmt.Errorf("job: an envelope does not name the program %x", old[:6])
	}
	copy(b[at:], t.digest[:])
	return b, nil
}

// record changes what the fork's run.json says.
func (t *retuned) record(r *rundir.Record, set map[string]string) {
	given := map[string]string{}
	for _, from := range []map[string]string{r.Set, set} {
		for key, text := range from {
			given[key] = text
		}
	}
	r.Set, r.Artifact = given, hex.EncodeToString(t.digest[:])
}
