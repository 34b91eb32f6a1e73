package engine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// TestDigestTellsFieldsApart: two outputs that differ in anything but the trace have different digests, also where what
// one field ends with is what the next begins with (C27). By the rules of before they are told as they were.
func TestDigestTellsFieldsApart(t *testing.T) {
	reg := value.NewRegistry()
	pairs := [][2]Output{
		{{Envelopes: []Packet{{To: "a", Raw: []byte("xy")}, {To: "b", Raw: []byte("z")}}},
			{Envelopes: []Packet{{To: "a", Raw: []byte("x")}, {To: "b", Raw: []byte("yz")}}}},
		{{Envelopes: []Packet{{To: "a", Raw: []byte("x")}}}, {Envelopes: []Packet{{To: "b", Raw: []byte("x")}}}},
		{{AppEvents: []AppEvent{{Number: 1, Name: "ab", Value: value.String("c")}}},
			{AppEvents: []AppEvent{{Number: 1, Name: "a", Value: value.String("bc")}}}},
		{{AppEvents: []AppEvent{{Number: 1, Name: "a", Value: value.String("c")}}},
			{AppEvents: []AppEvent{{Number: 1, Name: "a", Value: value.NewBytes([]byte("c"))}}}},
		{{Commands: []Command{{ID: 1, Component: 1}}}, {Commands: []Command{{ID: 1, Component: 2}}}},
		{{Peers: []PeerNotice{{Peer: "a", Reason: "b", Addresses: []string{"c"}}}},
			{Peers: []PeerNotice{{Peer: "a", Reason: "b"}, {Reason: "c"}}}},
	}
	for i, p := range pairs {
		p[0].Rules, p[1].Rules = 3, 3
		if p[0].Digest(reg) == p[1].Digest(reg) {
			t.Errorf("pair %d has one digest: %+v and %+v", i, p[0], p[1])
		}
		if p[0].Rules = 2; p[0].Digest(reg) != p[0].plainDigest(reg) {
			t.Errorf("pair %d: by rules 2 the digest is another", i)
		}
	}
	for _, i := range []int{0, 2} {
		if pairs[i][0].plainDigest(reg) != pairs[i][1].plainDigest(reg) {
			t.Errorf("pair %d was told apart before: it shows nothing", i)
		}
	}
	a, _ := ResultDigest(reg, 3, []value.Value{value.String("ab"), value.String("c")})
	b, _ := ResultDigest(reg, 3, []value.Value{value.String("ab" + string(value.TypeString) + "c")})
	if a == b {
		t.Error("two rows of results have one digest")
	}
	c, _ := ResultDigest(reg, 2, []value.Value{value.String("ab"), value.String("c")})
	d, _ := ResultDigest(reg, 2, []value.Value{value.String("ab" + string(value.TypeString) + "c")})
	if c != d {
		t.Error("by the rules of before the results were told apart: it shows nothing")
	}
}

// TestDigestReadsEveryField changes each field of an output and of what it holds, the trace apart: the digest changes.
func TestDigestReadsEveryField(t *testing.T) {
	reg := value.NewRegistry()
	full := func() *Output {
		return &Output{
			Envelopes: []Packet{{To: "a", Raw: []byte("raw")}},
			AppEvents: []AppEvent{{Number: 1, Name: "name", Value: value.Int(1)}},
			Commands:  []Command{{ID: 1, Component: 2, Method: "method", Inputs: []value.Value{value.String("x")}}},
			Controls: []ControlResult{{ID: 1, Caller: "c", Op: "op", Peer: "p", Code: "code", Reason: "r",
				Place: "place", Number: 3}},
			Peers: []PeerNotice{{Kind: 1, Peer: "p", Reason: "r", Addresses: []string{"a"}, Seen: 1, SeenStart: 2}},
			Wake:  5, Rules: 3,
		}
	}
	want := full().Digest(reg)
	// the last two follow from Raw
	untold := map[string]bool{"Output.Trace": true, "Output.Rules": true, "Packet.Acks": true, "Packet.Acked": true}
	var change func(path string, v func(*Output) reflect.Value)
	change = func(path string, at func(*Output) reflect.Value) {
		o := full()
		v := at(o)
		typ := v.Type()
		switch {
		case untold[path]:
			return
		case typ == reflect.TypeFor[value.Value]():
			v.Set(reflect.ValueOf(value.String("another value")))
		case typ.Kind() == reflect.Struct:
			for i := range typ.NumField() {
				change(typ.Name()+"."+typ.Field(i).Name, func(o *Output) reflect.Value { return at(o).Field(i) })
			}
			return
		case typ.Kind() == reflect.Slice && typ.Elem().Kind() != reflect.Uint8:
			change(path, func(o *Output) reflect.Value { return at(o).Index(0) })
			v.Set(reflect.MakeSlice(typ, 0, 0))
		case typ.Kind() == reflect.Slice:
			v.SetBytes([]byte("rax"))
		case v.CanInt():
			v.SetInt(v.Int() + 1)
		case v.CanUint():
			v.SetUint(v.Uint() + 1)
		case typ.Kind() == reflect.String:
			v.SetString(v.String() + "x")
		case typ.Kind() == reflect.Bool:
			v.SetBool(!v.Bool())
		default:
			t.Fatalf("%s: a %s", path, typ)
		}
		if o.Digest(reg) == want {
			t.Errorf("%s: another one has the same digest", path)
		}
	}
	change("Output", func(o *Output) reflect.Value { return reflect.ValueOf(o).Elem() })
}

// TestDigestOfLargeOutputs: what is hashed in pieces is hashed as what is hashed at once: the digest is of the content
// alone.
func TestDigestOfLargeOutputs(t *testing.T) {
	reg := value.NewRegistry()
	seen := map[uint64]string{}
	rapid.Check(t, func(t *rapid.T) {
		var o Output
		o.Rules = 3
		for range rapid.IntRange(0, 4).Draw(t, "envelopes") {
			n := rapid.SampledFrom([]int{0, 1, hashBytes - 9, hashBytes - 1, hashBytes, hashBytes + 1,
				3 * hashBytes}).Draw(t, "bytes")
			o.Envelopes = append(o.Envelopes,
				Packet{To: wire.PeerID(rapid.SampledFrom([]string{"a", "bb"}).Draw(t, "to")),
					Raw: []byte(strings.Repeat("x", n))})
		}
		text := fmt.Sprintf("%+v", o)
		if first, ok := seen[o.Digest(reg)]; ok && first != text {
			t.Fatal("two outputs have one digest")
		}
		seen[o.Digest(reg)] = text
	})
}
