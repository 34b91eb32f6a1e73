package wire

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

var registry = value.NewRegistry()

// proof draws a proof of a start, or none.
func proof(t *rapid.T) []byte {
	if rapid.Bool().Draw(t, "proof") {
		return rapid.SliceOfN(rapid.Byte(), ProofBytes, ProofBytes).Draw(t, "proof bytes")
	}
	return nil
}

// arbitraryEnvelope draws an envelope that has a wire form.
func arbitraryEnvelope(t *rapid.T) *Envelope {
	request := func(label string) Request {
		if rapid.Bool().Draw(t, label) {
			return Request{rapid.Uint64().Draw(t, "epoch"), rapid.Uint64Min(1).Draw(t, "id")}
		}
		return Request{}
	}
	e := &Envelope{
		Version: PlainVersion, From: PeerID(rapid.StringN(0, 8, 20).Draw(t, "from")),
		To:          PeerID(rapid.StringN(0, 8, 20).Draw(t, "to")),
		Incarnation: rapid.Uint64().Draw(t, "incarnation"), Epoch: rapid.Uint64Max(3).Draw(t, "epoch"),
		Number: rapid.Uint64().Draw(t, "number"), Base: rapid.Uint64().Draw(t, "base"),
		Redelivered: rapid.Bool().Draw(t, "redelivered"),
		AckEpoch:    rapid.Uint64Max(2).Draw(t, "ack epoch"), Edge: rapid.Int32Min(-1).Draw(t, "edge"),
		Request: request("request"), Answer: request("answer"), Deadline: rapid.Int64Min(0).Draw(t, "deadline"),
	}
	if e.AckEpoch != 0 {
		e.Ack = rapid.Uint64().Draw(t, "ack")
	}
	if rapid.Bool().Draw(t, "digest") {
		copy(e.Digest[:], rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "digest bytes"))
	}
	if s := rapid.SliceOfN(rapid.StringN(0, 8, 20), 0, 3).Draw(t, "source"); len(s) > 0 {
		e.Source = s
	}
	if s := rapid.SliceOfN(rapid.Byte(), 0, 9).Draw(t, "trace"); len(s) > 0 {
		e.Trace = s
	}
	switch e.Notice.Kind = NoticeKind(rapid.IntRange(0, int(noticeKinds)-1).Draw(t, "notice")); e.Notice.Kind {
	case NoticeNone:
	case NoticePressure:
		if rapid.Bool().Draw(t, "pressed") {
			e.Notice.Level, e.Notice.Hold = rapid.Uint32Range(1, 100).Draw(t, "level"),
				rapid.Int64Min(1).Draw(t, "hold")
		}
	case NoticeCut:
		e.Notice.Hold, e.Number = rapid.Int64Min(1).Draw(t, "cut for"), 0
		e.Version = e.version()
		return e
	case NoticeStale, NoticeAhead:
		e.Notice.Seen = rapid.Uint64Min(1).Draw(t, "seen")
		if rapid.Bool().Draw(t, "seen start") {
			e.Notice.SeenStart, e.Notice.SeenProof = rapid.Uint64Min(1).Draw(t, "seen start"), proof(t)
		}
		fallthrough
	default:
		e.Number = 0
		e.Version = e.version()
		return e
	}
	if rapid.Bool().Draw(t, "life") {
		e.Start, e.Proof, e.Before = rapid.Uint64().Draw(t, "start"), proof(t), rapid.Uint64().Draw(t, "before")
		e.Greets, e.Heard = rapid.Bool().Draw(t, "greets"), rapid.Uint64().Draw(t, "heard")
		for range rapid.IntRange(0, LivesMax).Draw(t, "lives") {
			e.Lives = append(e.Lives, Life{rapid.Uint64Min(1).Draw(t, "life"), rapid.Uint64().Draw(t, "before it")})
		}
	}
	if rapid.Bool().Draw(t, "origin") {
		e.Origin = Origin{rapid.Uint64Min(1).Draw(t, "origin epoch"), rapid.Uint64Min(1).Draw(t, "origin number"),
			rapid.Uint64().Draw(t, "given in")}
	}
	e.Version = e.version()
	for range rapid.IntRange(0, 4).Draw(t, "fills") {
		f := Fill{Site: rapid.Uint32().Draw(t, "site"), Value: arbitraryValue(t, 2)}
		if rapid.Bool().Draw(t, "to a component") {
			f.Site, f.Component = 0, rapid.Int32Min(0).Draw(t, "component")
			f.Op = rapid.StringMatching(`[A-Za-z0-9_.:-]{1,20}`).Draw(t, "op")
		}
		e.Fills = append(e.Fills, f)
	}
	return e
}

func arbitraryValue(t *rapid.T, depth int) value.Value {
	switch rapid.IntRange(0, 9+min(depth, 1)).Draw(t, "type") {
	case 1:
		return value.Trigger{}
	case 2:
		return value.Bool(rapid.Bool().Draw(t, "bool"))
	case 3:
		return value.Int(rapid.Int64().Draw(t, "int"))
	case 4:
		return value.Float(rapid.Float64().Draw(t, "float"))
	case 5:
		return value.String(rapid.StringN(0, 8, 20).Draw(t, "string"))
	case 6:
		return value.NewBytes(rapid.SliceOfN(rapid.Byte(), 1, 8).Draw(t, "bytes"))
	case 7:
		return value.Peer(rapid.StringN(0, 8, 20).Draw(t, "peer"))
	case 8:
		data := rapid.SliceOfN(rapid.Float32(), 0, 60).Draw(t, "tensor")
		x, err := tensor.FromFloat32([]int{len(data), 1}, data)
		if err != nil {
			t.Fatal(err)
		}
		return value.Tensor{Tensor: x}
	case 9:
		return value.Fail(value.CodeError, "here", rapid.StringN(0, 8, 20).Draw(t, "message"))
	case 10:
		items := make([]value.Value, 0, 3)
		for range rapid.IntRange(0, 3).Draw(t, "items") {
			if x := arbitraryValue(t, depth-1); x != nil {
				items = append(items, x)
			}
		}
		return value.NewList(items...)
	}
	return nil
}

// TestRoundTrip: what is encoded comes back, in a buffer of exactly the size that was foretold (trap copied-message).
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := arbitraryEnvelope(t)
		size, err := Size(registry, e)
		if err != nil {
			t.Fatal(err)
		}
		b, err := Append(nil, registry, e)
		if err != nil || len(b) != size {
			t.Fatalf("%v: %d bytes, Size said %d", err, len(b), size)
		}
		got, err := Decode(b, registry, DefaultLimits())
		if err != nil {
			t.Fatalf("%v\n%x", err, b)
		}
		if !reflect.DeepEqual(got, e) {
			t.Fatalf("\n%+v\n%+v", got, e)
		}
		again, err := Append([]byte("before"), registry, got)
		if err != nil || string(again) != "before"+string(b) {
			t.Fatalf("%v\n%x\n%x", err, again, b)
		}
	})
}

// TestOneBuffer: encoding a large fill allocates the message once and nothing else of size (trap copied-message).
func TestOneBuffer(t *testing.T) {
	e := tensorEnvelope(t, 1<<20)
	e.Fills[0].Value = value.NewList(e.Fills[0].Value, value.Int(7))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const rounds = 10
	size := 0
	for range rounds {
		b, err := Append(nil, registry, e)
		if err != nil {
			t.Fatal(err)
		}
		size = len(b)
	}
	runtime.ReadMemStats(&after)
	if got := int(after.TotalAlloc-before.TotalAlloc) / rounds; got > size+size/8 {
		t.Errorf("%d bytes were allocated for a message of %d", got, size)
	}
}

// TestEncodeRefuses: an envelope without a wire form is refused by the field.
func TestEncodeRefuses(t *testing.T) {
	for want, change := range map[string]func(e *Envelope){
		"version":            func(e *Envelope) { e.Version = 9 },
		"from":               func(e *Envelope) { e.From = "\xff" },
		"to: want a peer id": func(e *Envelope) { e.To = PeerID(strings.Repeat("a", 129)) },
		"ack":                func(e *Envelope) { e.Ack = 1 },
		"edge":               func(e *Envelope) { e.Edge = -2 },
		"request":            func(e *Envelope) { e.Request.Epoch = 1 },
		"answer":             func(e *Envelope) { e.Answer.Epoch = 1 },
		"deadline":           func(e *Envelope) { e.Deadline = math.MinInt64 },
		"source":             func(e *Envelope) { e.Source = []string{"\xff"} },
		"notice: this kind":  func(e *Envelope) { e.Notice.Kind = noticeKinds },
		"or neither":         func(e *Envelope) { e.Notice = Notice{Kind: NoticePressure, Level: 80} },
		"a proof of a start": func(e *Envelope) { e.Proof = []byte("short") },
		"an origin is":       func(e *Envelope) { e.Origin.Start = 1 },
		"of the incarnation": func(e *Envelope) { e.Notice = Notice{Kind: NoticeDigest, SeenStart: 1} },
		"nothing else has":   func(e *Envelope) { e.Notice = Notice{Kind: NoticeDigest, Seen: 1} },
		"a cut has a time":   func(e *Envelope) { e.Notice = Notice{Kind: NoticeCut, Hold: 1, Seen: 1} },
		"travels alone":      func(e *Envelope) { e.Number, e.Notice = 1, Notice{Kind: NoticeDigest} },
		"fills[0]: an op":    func(e *Envelope) { e.Fills = []Fill{{Op: "a/b"}} },
		"fills[1]: both":     func(e *Envelope) { e.Fills = []Fill{{}, {Op: "a", Site: 1}} },
		"without an op":      func(e *Envelope) { e.Fills = []Fill{{Component: 1}} },
		"not negative":       func(e *Envelope) { e.Fills = []Fill{{Component: -1, Op: "a"}} },
		"not registered":     func(e *Envelope) { e.Fills = []Fill{{Value: stranger{}}} },
	} {
		e := &Envelope{Version: CurrentVersion}
		change(e)
		b, err := Append([]byte("x"), registry, e)
		var ee *EncodeError
		if !errors.As(err, &ee) || !strings.Contains(err.Error(), want) || !bytes.Equal(b, []byte("x")) {
			t.Errorf("%v, want an error with %q", err, want)
		}
	}
}

type stranger struct{}

func (stranger) Type() value.TypeID { return "test.Stranger/1" }
func (stranger) Bytes() int         { return 0 }

// TestForeignType: a registered type that cannot foretell its size has the right one all the same.
func TestForeignType(t *testing.T) {
	reg := value.NewRegistry()
	if err := reg.Register("test.Stranger/1", value.Codec{
		Append: func(dst []byte, v value.Value) ([]byte, error) { return append(dst, "abc"...), nil },
		Decode: func(b []byte, lim value.Limits) (value.Value, error) { return stranger{}, nil },
	}); err != nil {
		t.Fatal(err)
	}
	e := &Envelope{Version: 1, Fills: []Fill{{Site: 3, Value: value.NewList(stranger{}, stranger{})}}}
	b, err := Append(nil, reg, e)
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b, reg, DefaultLimits())
	if err != nil || !reflect.DeepEqual(got, e) {
		t.Fatalf("%v %+v", err, got)
	}
}
