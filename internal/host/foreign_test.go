package host

import (
	"bytes"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// TestForeignEnvelopeIsJournaled: the journal holds the canonical form of an envelope that came in another, so that
// every release that knows the envelope's version replays it, and nothing of what this one did not know takes room.
func TestForeignEnvelopeIsJournaled(t *testing.T) {
	p := &program.Program{Place: "here", Bootstrap: program.None, Main: program.None}
	if err := p.Link(); err != nil {
		t.Fatal(err)
	}
	cfg := node.Config{Program: p, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(), Self: "self",
		Limits: engine.DefaultLimits(), Anyone: []string{"here"}}
	store := Store{FS: vfs.NewMem(), Dir: "n"}
	canonical, err := wire.Append(nil, cfg.Values, &wire.Envelope{Version: wire.PlainVersion, From: "other", To: "self",
		Digest:      p.Digest,
		Incarnation: 1, Epoch: 1, Number: 1, Edge: -1})
	if err != nil {
		t.Fatal(err)
	}
	came := protowire.AppendString(protowire.AppendTag(bytes.Clone(canonical), 900, protowire.BytesType),
		"of a later release")
	d, rec, err := Open(cfg, store)
	if err != nil {
		t.Fatal(err)
	}
	first, err := d.Restart(rec, 1, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := []*engine.Event{first, {Envelope: &snapshot.EnvelopeEvent{From: "other", Raw: came}}}
	if _, _, refused, err := d.Step(1, 1, in); err != nil || len(refused) > 0 {
		t.Fatal(err, refused)
	}
	want, err := d.Node.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var r record.Record
	if err := snapshot.Unmarshal(d.buf, &r, cfg.Values, snapshot.DefaultLimits()); err != nil {
		t.Fatal(err)
	}
	if len(r.Events) != 2 || !bytes.Equal(r.Events[1].Envelope.Raw, canonical) {
		t.Errorf("the record holds %+v", r.Events)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	d, rec, err = Open(cfg, store)
	if err != nil || rec.Replayed != 1 {
		t.Fatalf("%+v, %v", rec, err)
	}
	defer d.Close()
	if got, err := d.Node.Snapshot(); err != nil || !bytes.Equal(got, want) {
		t.Errorf("replay gives another state: %v", err)
	}
}
