package formats

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

var reg = value.NewRegistry()

// vector is a message in its canonical form, and other encodings of the same that a receiver takes.
type vector struct {
	message, name string
	bytes         []byte
	received      map[string][]byte
	again         func(b []byte) ([]byte, error) // reads a message as the tree does, and writes it
}

// The messages of which there are vectors; all others are within them.
const (
	envelopeMessage = "rhizome.wire.v1.Envelope"
	nodeMessage     = "rhizome.snapshot.v1.NodeSnapshot"
	inputMessage    = "rhizome.snapshot.v1.IngressEventSnapshot"
	recordMessage   = "rhizome.journal.v1.Record"
	resultsMessage  = "rhizome.journal.v1.ResultList"
)

// results is what is in a blob, as package record has it.
type results struct {
	Results []snapshot.NamedResult `snap:"1"`
}

// vectors makes all golden vectors.
func vectors(t *testing.T) []vector {
	t.Helper()
	out := envelopes(t)
	add := func(message, name string, v any) {
		b, err := snapshot.Marshal(reg, v)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		typ := reflect.TypeOf(v).Elem()
		out = append(out, vector{message: message, name: name, bytes: b, again: func(b []byte) ([]byte, error) {
			m := reflect.New(typ).Interface()
			if err := snapshot.Unmarshal(b, m, reg, snapshot.DefaultLimits()); err != nil {
				return nil, err
			}
			return snapshot.Marshal(reg, m)
		}})
	}
	f := filler{values: values(t), envelope: out[0].bytes}
	node := &snapshot.NodeSnapshot{}
	f.fill(reflect.ValueOf(node).Elem())
	add(nodeMessage, "every field", node)
	add(nodeMessage, "empty", &snapshot.NodeSnapshot{})
	add(nodeMessage, "extremes", extremes())
	for i := range reflect.TypeFor[snapshot.IngressEventSnapshot]().NumField() {
		ev := reflect.New(reflect.TypeFor[snapshot.IngressEventSnapshot]())
		f.fill(ev.Elem().Field(i))
		add(inputMessage, ev.Elem().Type().Field(i).Name, ev.Interface())
	}
	for _, kind := range kinds() {
		if _, pkg := componentFile(kind); pkg != "" {
			state := reflect.New(states[kind])
			f.fill(state.Elem())
			add(pkg+".State", "every field", state.Interface())
		}
	}
	whole := &record.Record{}
	f.fill(reflect.ValueOf(whole).Elem())
	add(recordMessage, "every field", whole)
	add(recordMessage, "clock", &record.Record{Now: 1e9, Wall: 1.7e18, Digest: 1<<64 - 1})
	list := &results{}
	f.fill(reflect.ValueOf(list).Elem())
	add(resultsMessage, "every field", list)
	return out
}

// extremes holds the numbers at the ends of their ranges, and what is absent beside what is empty.
func extremes() *snapshot.NodeSnapshot {
	return &snapshot.NodeSnapshot{
		SpecVersion: math.MaxUint32, Incarnation: math.MaxUint64,
		Components: []snapshot.ComponentSnapshot{{Version: math.MinInt32}, {}},
		Transient: snapshot.TransientSnapshot{
			SlotTable: []snapshot.SlotEntry{{Value: value.Trigger{}}, {Exec: 1}},
			PendingAsync: []snapshot.PendingAsyncSnapshot{{Sites: []uint32{0, math.MaxUint32},
				Inputs: []value.Value{nil, value.String(""), nil}, Deadline: math.MaxInt64}},
			ExecutionState: []snapshot.ExecutionStateSnapshot{{Index: math.MinInt64, Inbound: &snapshot.CallContext{}},
				{Missing: []uint32{0}}},
			Framework: snapshot.FrameworkSnapshot{PeerGovernor: snapshot.PeerGovernorSnapshot{
				Allowlist: &snapshot.AllowSnapshot{}, Blocked: []string{"", "ä"}}},
		},
	}
}

// filler gives every field a content, the next number to each.
type filler struct {
	n        int
	values   []value.Value
	envelope []byte
}

func (f *filler) fill(v reflect.Value) {
	f.n++
	switch v.Type() {
	case reflect.TypeFor[value.Value]():
		v.Set(reflect.ValueOf(f.values[f.n%len(f.values)]))
		return
	case reflect.TypeFor[snapshot.Embedded]():
		v.Set(reflect.ValueOf(snapshot.Raw(f.envelope)))
		return
	case reflect.TypeFor[snapshot.Words]():
		w := snapshot.NewWords(2)
		w.Write(0)[0], w.Write(0)[1] = uint64(f.n), math.MaxUint64
		v.Set(reflect.ValueOf(w))
		return
	}
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int32, reflect.Int64:
		v.SetInt(int64(f.n * (1 - 2*(f.n%2))))
	case reflect.Uint32, reflect.Uint64:
		v.SetUint(uint64(f.n))
	case reflect.Float32, reflect.Float64:
		v.SetFloat(float64(f.n) / 4)
	case reflect.String:
		v.SetString(fmt.Sprint("text ", f.n))
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(f.n+i) % 256)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte{byte(f.n), 0, 255})
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 1+f.n%2, 2))
		for i := range v.Len() {
			f.fill(v.Index(i))
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).Tag.Get("snap") != "-" {
				f.fill(v.Field(i))
			}
		}
	default:
		panic("no content for " + v.Type().String())
	}
}

// values are some of each type.
func values(t *testing.T) []value.Value {
	t.Helper()
	floats, err1 := tensor.FromFloat32([]int{2, 3}, []float32{0, 1, -2.5, 1e-30, 3, float32(math.Inf(1))})
	ints, err2 := tensor.FromInt64([]int{1}, []int64{-7})
	scalar, err3 := tensor.FromFloat64(nil, []float64{0.1})
	none, err4 := tensor.FromFloat32([]int{0, 4}, nil)
	for _, err := range []error{err1, err2, err3, err4} {
		if err != nil {
			t.Fatal(err)
		}
	}
	lent := value.NewList(value.Int(5), value.NewList(value.Tensor{Tensor: floats}, value.NewBytes(make([]byte, 9))),
		value.String("small"))
	loan := value.NewLoan("12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN", 1<<52, 7, 64, 1, lent)
	loan.Ahead = 32
	return []value.Value{
		loan,
		value.Int(-3), value.Int(math.MaxInt64), value.Int(math.MinInt64), value.Trigger{}, value.Bool(true),
		value.Bool(false), value.Float(-0.5),
		value.String("Grüße"), value.NewBytes([]byte{0, 1, 255}),
		value.Peer("12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"),
		value.Tensor{Tensor: floats}, value.Tensor{Tensor: ints}, value.Tensor{Tensor: scalar},
		value.Tensor{Tensor: none},
		value.NewList(value.Int(1), value.NewList(), value.Tensor{Tensor: ints}, value.Trigger{}),
		value.Fail("error", "/site/3", "it did not work"),
	}
}

// readEnvelope reads an envelope as a node does, and returns its canonical form.
func readEnvelope(b []byte) ([]byte, error) {
	e, fills, err := wire.DecodeHeader(b, wire.DefaultLimits())
	if err != nil {
		return nil, err
	}
	if e.Fills, err = fills.Decode(reg, wire.DefaultLimits()); err != nil {
		return nil, err
	}
	canonical := fills.Canonical(e)
	if again, err := wire.Append(nil, reg, e); err != nil || !bytes.Equal(again, canonical) {
		return nil, fmt.Errorf("written again as %x, the canonical form is %x: %v", again, canonical, err)
	}
	return canonical, nil
}

// envelopes makes the vectors of envelopes; the first is a plain one.
func envelopes(t *testing.T) (out []vector) {
	t.Helper()
	const from, to = "12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN",
		"12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"
	add := func(name string, e wire.Envelope) {
		e.Version, e.From, e.To = wire.CurrentVersion, from, to
		b, err := wire.Append(nil, reg, &e)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v := vector{message: envelopeMessage, name: name, bytes: b, again: readEnvelope}
		if len(e.Fills) > 0 {
			v.received = others(b)
		}
		out = append(out, v)
	}
	var digest [32]byte
	for i := range digest {
		digest[i] = byte(i + 1)
	}
	proof := bytes.Repeat([]byte{7}, wire.ProofBytes)
	fills := []wire.Fill{{Site: 0}, {Component: 2, Op: "join", Value: value.Int(1)}}
	for i, v := range values(t) {
		fills = append(fills, wire.Fill{Site: uint32(i + 1), Value: v})
	}
	add("plain", wire.Envelope{Digest: digest, Incarnation: 1, Epoch: 1, Number: 1, Edge: 3,
		Fills: []wire.Fill{{Site: 9, Value: value.Int(300)}}})
	add("every field", wire.Envelope{
		Digest: digest, Incarnation: 2, Epoch: 3, Number: 1 << 40, Base: 5, Redelivered: true, AckEpoch: 6, Ack: 7,
		Edge:    -1,
		Request: wire.Request{Epoch: 8, ID: 9}, Answer: wire.Request{Epoch: 10, ID: 1<<64 - 1}, Deadline: math.MaxInt64,
		Notice: wire.Notice{Kind: wire.NoticePressure, Level: 75, Hold: 2e9},
		Source: []string{"/ip4/192.0.2.1/tcp/4001", ""}, Trace: []byte("trace"),
		Start: 1_700_000_000_000_000, Proof: proof, Before: 11, Origin: wire.Origin{Epoch: 12, Number: 13, Start: 14},
		Greets: true, Heard: 15,
		Lives: []wire.Life{{Start: 16, Before: 17}, {Start: 18}}, Fills: fills,
	})
	add("acknowledgement", wire.Envelope{Digest: digest, Incarnation: 1, Epoch: 1, AckEpoch: 1, Ack: 12, Edge: -1})
	add("pressure", wire.Envelope{Digest: digest, Incarnation: 1, Epoch: 1, Edge: -1,
		Notice: wire.Notice{Kind: wire.NoticePressure}})
	add("wrong digest", wire.Envelope{Incarnation: 1, Epoch: 1, Edge: -1, Notice: wire.Notice{Kind: wire.NoticeDigest}})
	add("stale", wire.Envelope{Incarnation: 1, Epoch: 1, Edge: -1, Start: 4,
		Notice: wire.Notice{Kind: wire.NoticeStale, Seen: 9, SeenStart: 1_700_000_000_000_001, SeenProof: proof}})
	add("cut", wire.Envelope{Incarnation: 1, Epoch: 1, Edge: -1, Notice: wire.Notice{Kind: wire.NoticeCut,
		Hold: 3600e9}})
	return out
}

// others writes an envelope in other ways that a receiver takes.
func others(b []byte) map[string][]byte {
	out := map[string][]byte{
		"unknown-fields": protowire.AppendString(protowire.AppendTag(bytes.Clone(b), 500, protowire.BytesType),
			"of a later release"),
		"zeros":       append(protowire.AppendVarint(protowire.AppendTag(nil, 14, protowire.VarintType), 0), b...),
		"twice":       append(bytes.Clone(b[:2]), append([]byte{2<<3 | 2, 1, 'x'}, b[2:]...)...),
		"long-varint": append([]byte{1 << 3, b[1] | 0x80, 0}, b[2:]...),
	}
	var backwards, fills []byte
	for rest := b; len(rest) > 0; {
		num, typ, n := protowire.ConsumeTag(rest)
		n += protowire.ConsumeFieldValue(num, typ, rest[n:])
		if num == 18 || num == 15 || num == 26 { // items keep their order
			fills = append(fills, rest[:n]...)
		} else {
			backwards = append(bytes.Clone(rest[:n]), backwards...)
		}
		rest = rest[n:]
	}
	out["backwards"] = append(fills, backwards...)
	return out
}
