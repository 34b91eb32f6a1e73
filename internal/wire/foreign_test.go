package wire

import (
	"bytes"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"
	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/value"
)

// TestForeign: what other protobuf libraries may write, and what a release with more fields writes, is taken, and is
// worth the canonical form of the same.
func TestForeign(t *testing.T) {
	digest := "\x22\x20" + strings.Repeat("d", 32)
	for name, c := range map[string]struct{ b, want string }{
		"long varint":             {"\x08\x81\x00", "\x08\x01"},
		"unknown field":           {"\x08\x01\x98\x01\x01", "\x08\x01"},
		"field of the wrong type": {"\x08\x01\x10\x01", "\x08\x01"},
		"group":                   {"\x08\x01\x13\x14", "\x08\x01"},
		"wrong order":             {"\x08\x01\x1a\x01a\x12\x01a", "\x08\x01\x12\x01a\x1a\x01a"},
		"field twice":             {"\x08\x01\x12\x01a\x12\x01a", "\x08\x01\x12\x01a"},
		"empty text":              {"\x08\x01\x12\x00", "\x08\x01"},
		"explicit zero":           {"\x08\x01" + digest + "\x28\x00", "\x08\x01" + digest},
		"redelivered 2":           {"\x08\x01\x40\x02", "\x08\x01\x40\x01"},
		"empty request":           {"\x08\x01\x62\x00", "\x08\x01"},
		"request field":           {"\x08\x01\x62\x04\x10\x01\x18\x01", "\x08\x01\x62\x02\x10\x01"},
		"request twice":           {"\x08\x01\x62\x04\x10\x01\x10\x01", "\x08\x01\x62\x02\x10\x01"},
		"version 2 of nothing":    {"\x08\x02\x12\x01a", "\x08\x01\x12\x01a"},
		"notice of version 1":     {"\x08\x01\x9a\x01\x02\x08\x03", "\x08\x02\x9a\x01\x02\x08\x03"},
		"notice twice":            {"\x08\x02\x9a\x01\x02\x08\x03\x9a\x01\x02\x08\x03", "\x08\x02\x9a\x01\x02\x08\x03"},
		"base after the notice": {"\x08\x02\x9a\x01\x02\x08\x03\x88\x01\x01",
			"\x08\x02\x88\x01\x01\x9a\x01\x02\x08\x03"},
		"unreadable, version 2": {"\x08\x02\x9a\x01\x02\x08\x06", "\x08\x03\x9a\x01\x02\x08\x06"},
		"notice field":          {"\x08\x02\x9a\x01\x04\x08\x03\x38\x01", "\x08\x02\x9a\x01\x02\x08\x03"},
		"notice field type":     {"\x08\x02\x9a\x01\x02\x0a\x00", "\x08\x01"},
		"start of version 2": {"\x08\x02\x9a\x01\x02\x08\x03\xa0\x01\x05",
			"\x08\x03\x9a\x01\x02\x08\x03\xa0\x01\x05"},
		"seen start, version 2": {"\x08\x02\x9a\x01\x06\x08\x02\x20\x01\x28\x01",
			"\x08\x03\x9a\x01\x06\x08\x02\x20\x01\x28\x01"},
		"start before a notice": {"\x08\x03\xa0\x01\x05\x9a\x01\x02\x08\x03",
			"\x08\x03\x9a\x01\x02\x08\x03\xa0\x01\x05"},
		"empty origin": {"\x08\x03\xb2\x01\x00", "\x08\x01"},
		"origin field": {"\x08\x03\xb2\x01\x02\x20\x01", "\x08\x01"},
		"empty payload": {"\x08\x01\x92\x01\x0f\x0a\x08/site/12\x12\x01a\x1a\x00",
			"\x08\x01\x92\x01\x0d\x0a\x08/site/12\x12\x01a"},
		"after the payload": {"\x08\x01\x92\x01\x12\x0a\x08/site/12\x12\x01a\x1a\x01a\x1a\x00",
			"\x08\x01\x92\x01\x0d\x0a\x08/site/12\x12\x01a"},
		"unknown of every kind": {
			"\x08\x01\x98\x06\x05\x99\x0612345678\x9a\x06\x02hi\x9b\x06\x08\x01\x9c\x06\x9d\x061234", "\x08\x01"},
		"request in two parts": {"\x08\x01\x62\x02\x08\x05\x62\x02\x10\x06", "\x08\x01\x62\x04\x08\x05\x10\x06"},
		"fields after the fills": {"\x08\x03\x92\x01\x09\x0a\x07/site/1\xa0\x01\x05\x92\x01\x09\x0a\x07/site/2",
			"\x08\x03\xa0\x01\x05\x92\x01\x09\x0a\x07/site/1\x92\x01\x09\x0a\x07/site/2"},
		"parts of a fill": {"\x08\x01\x92\x01\x1e\x1a\x01\x04\x12\x0drhizome.Int/1\x98\x06\x01\x0a\x07/site/1",
			"\x08\x01\x92\x01\x1b\x0a\x07/site/1\x12\x0drhizome.Int/1\x1a\x01\x04"},
		"version last": {"\x12\x01a\x08\x01", "\x08\x01\x12\x01a"},
	} {
		e, canonical, foreign, err := decodeAll([]byte(c.b), DefaultLimits())
		if err != nil || !foreign || c.want != "" && string(canonical) != c.want {
			t.Errorf("%s: %v, foreign %v, %+v, the canonical form is %x, want %x", name, err, foreign, e, canonical,
				c.want)
		}
	}
}

// TestEveryEncoding: an envelope means the same in every encoding that protobuf has for it, with fields of a later
// release between its own, and has one canonical form.
func TestEveryEncoding(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := arbitraryEnvelope(t)
		canonical, err := Append(nil, registry, want)
		if err != nil {
			t.Fatal(err)
		}
		b := reencode(t, canonical, map[protowire.Number]bool{numRequest: true, numAnswer: true, numNotice: true,
			numOrigin: true, numLives: true, numFills: true})
		e, got, foreign, err := decodeAll(b, DefaultLimits())
		if err != nil || !bytes.Equal(got, canonical) || foreign == bytes.Equal(b, canonical) {
			t.Fatalf("%v; foreign %v\n%x has the canonical form\n%x, want\n%x", err, foreign, b, got, canonical)
		}
		own, _, _, err := decodeAll(canonical, DefaultLimits())
		if err != nil || !reflect.DeepEqual(e, own) {
			t.Fatalf("%v\n%+v\n%+v", err, e, own)
		}
	})
}

// reencode writes a message in another way: fields in another order, numbers longer than they need be, messages in
// parts, fields given twice where the last counts, and unknown ones. Messages are fields that hold messages themselves.
func reencode(t *rapid.T, b []byte, messages map[protowire.Number]bool) []byte {
	type field struct {
		num protowire.Number
		raw []byte
	}
	var fields []field
	long := func(dst []byte, x uint64) []byte {
		dst = protowire.AppendVarint(dst, x)
		for range rapid.IntRange(0, min(2, 10-protowire.SizeVarint(x))).Draw(t, "longer") {
			dst[len(dst)-1] |= 0x80
			dst = append(dst, 0)
		}
		return dst
	}
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		m := protowire.ConsumeFieldValue(num, typ, b[n:])
		tag := long(nil, protowire.EncodeTag(num, typ))
		if typ == protowire.VarintType {
			x, _ := protowire.ConsumeVarint(b[n:])
			if num != numVersion && rapid.Bool().Draw(t, "replaced") {
				fields = append(fields, field{num, append(bytes.Clone(tag), 0)})
			}
			fields = append(fields, field{num, long(tag, x)})
		} else {
			body, _ := protowire.ConsumeBytes(b[n:])
			if messages[num] {
				body = reencode(t, body, nil)
			}
			if messages[num] && num != numFills && num != numLives && rapid.Bool().Draw(t, "in parts") {
				fields = append(fields, field{num, append(bytes.Clone(tag), 0)})
			}
			fields = append(fields, field{num, append(long(tag, uint64(len(body))), body...)})
		}
		b = b[n+m:]
	}
	// Fields of one number keep their order.
	order := rapid.Permutation(fields).Draw(t, "order")
	next := map[protowire.Number][]field{}
	for _, f := range fields {
		next[f.num] = append(next[f.num], f)
	}
	var out []byte
	for _, f := range order {
		switch rapid.IntRange(0, 5).Draw(t, "unknown") {
		case 0:
			out = protowire.AppendVarint(protowire.AppendTag(out, 99, protowire.VarintType),
				rapid.Uint64().Draw(t, "x"))
		case 1:
			out = protowire.AppendString(protowire.AppendTag(out, 1000, protowire.BytesType), "of a later release")
		}
		out = append(out, next[f.num][0].raw...)
		next[f.num] = next[f.num][1:]
	}
	return out
}

// TestUnknownChangesNothing: fields of a later release are dropped: they are in no form of the envelope, and cost their
// bytes.
func TestUnknownChangesNothing(t *testing.T) {
	e := &Envelope{Version: 1, From: "a", To: "b", Number: 1, Epoch: 1, Fills: []Fill{{Site: 1, Value: value.Int(4)}}}
	b, err := Append(nil, registry, e)
	if err != nil {
		t.Fatal(err)
	}
	more := protowire.AppendBytes(protowire.AppendTag(bytes.Clone(b), 5000, protowire.BytesType),
		make([]byte, UnknownBytesMax-10))
	got, canonical, _, err := decodeAll(more, DefaultLimits())
	if err != nil || !bytes.Equal(canonical, b) || got.Number != 1 || got.Fills[0].Value != value.Int(4) {
		t.Errorf("%v %+v %x", err, got, canonical)
	}
	lim := DefaultLimits()
	mass := append(bytes.Clone(b), bytes.Repeat([]byte("\x98\x06\x01"), 4<<20)...)
	if n := testing.AllocsPerRun(5, func() { _, _ = Decode(mass, registry, lim) }); n > 8 {
		t.Errorf("a mass of unknown fields takes %v allocations", n)
	}
}
