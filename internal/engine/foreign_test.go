package engine

import (
	"bytes"
	"errors"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// foreign writes an envelope as another protobuf library of a later release may: its fields backwards, but for the
// fills, zeros written out, and fields that this release does not know.
func foreign(t *testing.T, raw []byte) []byte {
	var out []byte
	for b := raw; len(b) > 0; {
		num, typ, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		if n < 0 || m < 0 {
			t.Fatal("no protobuf")
		}
		out = append(bytes.Clone(b[:n+m]), out...)
		b = b[n+m:]
	}
	out = protowire.AppendVarint(protowire.AppendTag(out, 14, protowire.VarintType), 0) // no deadline
	out = protowire.AppendString(protowire.AppendTag(out, 600, protowire.BytesType), "of a later release")
	return out
}

// TestForeignEnvelopes: an envelope that another protobuf library wrote, with fields of a later release, does to the
// node what the canonical form does, to the last byte of its state and outputs; and what the journal keeps is the
// canonical form.
func TestForeignEnvelopes(t *testing.T) {
	run := func(write func(*testing.T, []byte) []byte) (outputs []uint64, state, journal []byte) {
		l, _ := closedLab(t, nil)
		l.admit("ada")
		for n := range uint64(3) {
			ev := l.from("ada", wire.Envelope{Edge: 0, Number: n + 1, Start: 7,
				Fills: []wire.Fill{{Site: 0, Value: value.Int(n)}}})
			canonical := ev.Envelope.Raw
			ev.Envelope.Raw = write(t, canonical)
			l.tell(ev)
			if !bytes.Equal(ev.Envelope.Raw, canonical) {
				t.Errorf("the journal would keep\n%x, want\n%x", ev.Envelope.Raw, canonical)
			}
			waiting, err := snapshot.Marshal(l.cfg.Registry, l.snap())
			if err != nil {
				t.Fatal(err)
			}
			journal, state = append(journal, ev.Envelope.Raw...), append(state, waiting...)
			outputs = append(outputs, l.poll().Digest(l.cfg.Registry))
			l.rest()
		}
		after, err := snapshot.Marshal(l.cfg.Registry, l.snap())
		if err != nil {
			t.Fatal(err)
		}
		return outputs, append(state, after...), journal
	}
	o1, s1, j1 := run(func(_ *testing.T, b []byte) []byte { return b })
	o2, s2, j2 := run(foreign)
	for i := range o1 {
		if o1[i] != o2[i] {
			t.Errorf("output %d differs", i)
		}
	}
	if !bytes.Equal(s1, s2) || !bytes.Equal(j1, j2) {
		t.Error("the states or the journals differ")
	}
}

// TestForeignRefused: a refused envelope stays as it came, a newer version is told apart from what cannot be read, and
// a snapshot holds no envelope in another form than the canonical one.
func TestForeignRefused(t *testing.T) {
	l, _ := closedLab(t, nil)
	ev := l.from("eve", wire.Envelope{Edge: 0, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}})
	ev.Envelope.Raw = foreign(t, ev.Envelope.Raw)
	came := bytes.Clone(ev.Envelope.Raw)
	l.refused("a foreign envelope of a stranger", ev)
	if !bytes.Equal(ev.Envelope.Raw, came) {
		t.Error("a refused envelope was changed")
	}
	l.admit("ada")
	ev = l.from("ada", wire.Envelope{Edge: 0, Number: 1, Fills: []wire.Fill{{Site: 0, Value: value.Int(1)}}})
	canonical := ev.Envelope.Raw
	for what, c := range map[string]struct {
		raw  []byte
		code string
	}{
		"many unknown fields": {append(bytes.Clone(canonical), bytes.Repeat([]byte("\x98\x06\x01"),
			wire.UnknownBytesMax)...), RefusedFormat},
		"a newer version": {append([]byte{1 << 3, wire.CurrentVersion + 1}, canonical[2:]...), RefusedVersion},
	} {
		var re *RefusedError
		ev.Envelope.Raw = c.raw
		if err := l.e.Deliver(ev); !errors.As(err, &re) || re.Code != c.code {
			t.Errorf("%s: %v, want a refusal as %s", what, err, c.code)
		}
	}
	ev.Envelope.Raw = foreign(t, canonical)
	l.tell(ev)
	s := l.snap()
	if len(s.Ingress) != 1 || s.Ingress[0].Envelope == nil {
		t.Fatalf("what waits: %+v", s.Ingress)
	}
	if _, err := Restore(l.cfg, l.e.Incarnation(), s); err != nil {
		t.Fatal(err)
	}
	s.Ingress[0].Envelope = &snapshot.EnvelopeEvent{From: "ada", Raw: foreign(t, canonical)}
	if _, err := Restore(l.cfg, l.e.Incarnation(), s); err == nil {
		t.Error("a snapshot with an envelope in another form was restored")
	}
}
