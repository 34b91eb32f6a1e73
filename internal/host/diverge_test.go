package host

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// changed opens node i as a program that somebody changed.
func (r *rig) changed(i int, policy OnDivergence, change func(p *program.Program)) (*Durable, *Recovery, error) {
	change(r.parts[i])
	if err := r.parts[i].Link(); err != nil {
		r.t.Fatal(err)
	}
	return Open(r.config(i), Store{FS: r.fs[i], Dir: "n", SegmentBytes: 4096, SnapshotBytes: 1500,
		OnDivergence: policy})
}

// TestDivergenceSaysWhatDiffers replays journals with programs that were changed in one place: the error names the
// record, what it fed to the node, and the one thing that went out otherwise.
func TestDivergenceSaysWhatDiffers(t *testing.T) {
	for name, c := range map[string]struct {
		node   int
		change func(p *program.Program)
		record string // what it fed
		want   string
	}{
		"a value of an envelope": {1, func(p *program.Program) { p.Funcs[0].Ops[2].In[0] = 0 },
			"completion of command 1",
			"envelope 1 to node0 on edge answer: the value for /site/100 differs"},
		"another receiver": {0, func(p *program.Program) { p.Funcs[0].Ops[0].Value = value.Peer("node2") }, "invoke go",
			"envelope 1 to node2 on edge ask was for another peer"},
		"an envelope less": {0, func(p *program.Program) { p.Funcs[0].Ops = slices.Delete(p.Funcs[0].Ops, 1, 2) },
			"invoke go", "0 envelopes, the first time 1"},
		"the value of an event": {0, func(p *program.Program) { slices.Reverse(p.Funcs[1].Ops[0].In[:2]) },
			"envelope from node1",
			"app event 1 (answered): the value differs"},
		"the name of an event": {0, func(p *program.Program) { p.Funcs[1].Ops[1].Label = "told" },
			"envelope from node1",
			"app event 1 is told, and had another name"},
		"a command": {1, func(p *program.Program) { p.Funcs[0].Ops[0].Method = "count" }, "envelope from node0",
			"0 commands, the first time 1"},
		"a timer": {1, func(p *program.Program) {
			f := &p.Funcs[0]
			f.Slots++
			f.Ops = append(f.Ops, program.Op{Code: program.OpSleep, Name: "nap", Delay: 5, In: []program.Slot{0},
				Out: []program.Slot{6}})
		}, "envelope from node0", "the time of the next wake-up differs"},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, 1)
			r.run(1)
			r.d[c.node].Close()
			_, _, err := r.changed(c.node, DivergenceFails, c.change)
			var div *record.DivergenceError
			if !errors.As(err, &div) || div.Kind != "output" || !strings.Contains(div.Name, c.record) ||
				div.Record == 0 {
				t.Fatalf("%v", err)
			}
			if !slices.ContainsFunc(div.Diff, func(s string) bool { return strings.Contains(s, c.want) }) ||
				!strings.Contains(div.Error(), div.Diff[0]) {
				t.Errorf("record %d differs in %q; want %q", div.Record, div.Diff, c.want)
			}
		})
	}
}

// TestADivergenceChangesNoByte: a start that is refused because the replay diverges leaves the directory as it was,
// also where the end of the journal is torn, so that the right program finds what the crash left. The tail used to be
// repaired before the replay.
func TestADivergenceChangesNoByte(t *testing.T) {
	r := newRig(t, 1)
	r.run(3)
	r.d[1].Close()
	segments := []string{}
	for _, name := range r.fs[1].Names() {
		if strings.HasSuffix(name, ".seg") {
			segments = append(segments, name)
		}
	}
	f, err := r.fs[1].OpenFile(segments[len(segments)-1])
	if err != nil {
		t.Fatal(err)
	}
	size, _ := f.Size()
	if _, err := f.WriteAt([]byte("torn"), size-64); err != nil {
		t.Fatal(err)
	}
	f.Close()
	all := func() map[string]string {
		out := map[string]string{}
		for _, name := range r.fs[1].Names() {
			b, err := vfs.ReadFile(r.fs[1], name, 1<<30)
			if err != nil {
				t.Fatal(err)
			}
			out[name] = string(b)
		}
		return out
	}
	before := all()
	_, _, err = r.changed(1, DivergenceFails, func(p *program.Program) { p.Funcs[0].Ops[2].In[0] = 0 })
	if !errors.As(err, new(*record.DivergenceError)) {
		t.Fatal(err)
	}
	if after := all(); !maps.Equal(before, after) {
		for name := range before {
			if after[name] != before[name] {
				t.Errorf("%s was changed", name)
			}
		}
		t.Errorf("%d files are %d", len(before), len(after))
	}
	r.parts = parts(t)
	r.open(1)
	r.run(5)
	r.check(5)
}

// TestDivergencePauses opens a node whose replay diverges for looking at: it is as it was before the record, nothing
// can change it or its journal, and the right program goes on from the directory as ever.
func TestDivergencePauses(t *testing.T) {
	r := newRig(t, 1)
	r.run(3)
	r.d[1].Close()
	wrong := func(p *program.Program) { p.Funcs[0].Ops[2].In[0] = 0 }
	next := r.d[1].Journal.Next()
	d, rec, err := r.changed(1, DivergencePauses, wrong)
	if err != nil || rec.Diverged == nil || rec.Diverged.Record == 0 {
		t.Fatalf("%+v, %v", rec, err)
	}
	before := rec.Diverged.Record - 1
	b, err := offline.Restore(r.config(1), r.fs[1], "n", offline.Look{Until: before})
	if err != nil {
		t.Fatal(err)
	}
	want, err := b.Node.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.Node.Snapshot(); err != nil || string(got) != string(want) || b.Record != before {
		t.Errorf("paused before record %d, the node is not as it was then (%v)", before+1, err)
	}
	_, _, _, step := d.Step(1, 1, []*engine.Event{})
	_, checkpoint := d.Checkpoint()
	_, restart := d.Restart(rec, 0, nil)
	for what, err := range map[string]error{"step": step, "checkpoint": checkpoint, "save": d.Save(),
		"restart": restart, "vouch": d.ConfirmRestart()} {
		if !errors.Is(err, error(rec.Diverged)) {
			t.Errorf("%s of a paused node: %v", what, err)
		}
	}
	if d.Journal.Next() != next {
		t.Errorf("the journal grew from %d to %d", next, d.Journal.Next())
	}
	d.Close()
	r.parts = parts(t)
	r.open(1)
	r.run(5)
	r.check(5)
}
