package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/value"
)

// TestRefused: each kind of hostile or foreign input is refused with a typed error.
func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ b, want string }{
		"empty":                   {"", "version at byte 0"},
		"no version":              {"\x12\x01a", "has a version, from 1"},
		"version 0":               {"\x08\x00", "has a version, from 1"},
		"newer version":           {"\x08\x04\xff\xff", "schema version 4 is not known"},
		"version of 33 bits":      {"\x08\x80\x80\x80\x80\x10", "version"},
		"field number 0":          {"\x08\x01\x00\x01", "no field number"},
		"not UTF-8":               {"\x08\x01\x12\x01\xff", "UTF-8"},
		"long peer id":            {"\x08\x01\x12\x81\x01" + strings.Repeat("a", 129), "PeerIDBytesMax"},
		"short digest":            {"\x08\x01\x22\x02ab", "32 bytes"},
		"zero digest":             {"\x08\x01\x22\x20" + strings.Repeat("\x00", 32), "32 bytes"},
		"ack of no epoch":         {"\x08\x01\x50\x05", "ack"},
		"edge -2":                 {"\x08\x01\x58\x03", "edge -2"},
		"edge of 33 bits":         {"\x08\x01\x58\x80\x80\x80\x80\x10", "edge"},
		"negative deadline":       {"\x08\x01\x70\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "deadline"},
		"many addresses":          {"\x08\x01" + strings.Repeat("\x7a\x01a", 9), "Addresses"},
		"long address":            {"\x08\x01\x7a\x81\x02" + strings.Repeat("a", 257), "AddressBytes"},
		"long trace":              {"\x08\x01\x82\x01\x81\x08" + strings.Repeat("a", 1025), "TraceBytes"},
		"length beyond input":     {"\x08\x01\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "where 0 are left"},
		"many fills":              {"\x08\x01" + strings.Repeat("\x92\x01\x00", 257), "257 exceeds Fills"},
		"notice of kind 10":       {"\x08\x02\x9a\x01\x02\x08\x0a", "kind of notice is not known"},
		"cut without a time":      {"\x08\x03\x9a\x01\x02\x08\x09", "a cut has a time"},
		"notice of kind 256":      {"\x08\x02\x9a\x01\x03\x08\x80\x02", "want at most 255"},
		"pressure above 100":      {"\x08\x02\x9a\x01\x06\x08\x01\x10\x65\x18\x01", "want at most 100"},
		"pressure without a time": {"\x08\x02\x9a\x01\x04\x08\x01\x10\x4b", "or neither"},
		"endless pressure": {"\x08\x02\x9a\x01\x0f\x08\x01\x10\x4b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
			"notice"},
		"refusal with a level":  {"\x08\x02\x9a\x01\x06\x08\x03\x10\x05\x18\x01", "nothing else has them"},
		"stale without a life":  {"\x08\x02\x9a\x01\x02\x08\x02", "that was seen"},
		"digest with a life":    {"\x08\x02\x9a\x01\x04\x08\x03\x20\x01", "nothing else has it"},
		"refusal with a number": {"\x08\x02\x38\x01\x9a\x01\x02\x08\x03", "travels alone"},
		"short proof":           {"\x08\x03\xa0\x01\x05\xaa\x01\x01a", "has 64 bytes"},
		"refusal with fills":    {"\x08\x02\x9a\x01\x02\x08\x03\x92\x01\x00", "travels alone"},
		"empty fill":            {"\x08\x01\x92\x01\x00", "fills[0].suffix"},
		"fill without suffix":   {"\x08\x01\x92\x01\x03\x12\x01a", "fills[0].suffix"},
		"payload without type":  {"\x08\x01\x92\x01\x0d\x0a\x08/site/12\x1a\x01a", "a payload has a type"},
		"kind 0 with a level":   {"\x08\x02\x9a\x01\x02\x10\x05", "a notice has a kind"},
		"half a request":        {"\x08\x01\x62\x02\x08\x05", "number from 1"},
		"half an origin":        {"\x08\x03\xb2\x01\x02\x08\x01", "an origin is a number"},
		"life without a start":  {"\x08\x03\xd2\x01\x02\x10\x01", "has a start"},
		"group without an end":  {"\x08\x01\x9b\x06\x08\x01", "no protobuf"},
		"end of no group":       {"\x08\x01\x9c\x06", "no protobuf"},
		"wire type 7":           {"\x08\x01\x9f\x06", "no protobuf"},
		"many unknown bytes":    {"\x08\x01\x9a\x06\x81\x20" + strings.Repeat("u", 4097), "UnknownBytesMax"},
		"many unknown fields":   {"\x08\x01" + strings.Repeat("\x98\x06\x01", 1366), "UnknownBytesMax"},
		"deep unknown groups":   {"\x08\x01" + strings.Repeat("\x9b\x06", 1<<20), "UnknownBytesMax"},
		"unknown fields of fills": {"\x08\x01" + strings.Repeat("\x92\x01\xf3\x0f\x0a\x07/site/1\x9a\x06\xe6\x0f"+
			strings.Repeat("u", 2022), 3), "UnknownBytesMax"},
		"a field many times": {"\x08\x01" + strings.Repeat("\x12\x01a", 1367), "UnknownBytesMax"},
		"a proof many times": {"\x08\x03" + strings.Repeat("\xaa\x01\x40"+strings.Repeat("p", 64), 63),
			"UnknownBytesMax"},
		"long suffix": {"\x08\x01\x92\x01\x84\x20\x0a\x81\x20" + strings.Repeat("/", 4097), "SuffixBytes"},
	} {
		_, err := Decode([]byte(c.b), registry, DefaultLimits())
		var fe *FormatError
		var le *LimitError
		var ve *VersionError
		if !errors.As(err, &fe) && !errors.As(err, &le) && !errors.As(err, &ve) || !strings.Contains(err.Error(),
			c.want) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.want)
		}
	}
	lim := EdgeLimits()
	if _, err := Decode(make([]byte, lim.EnvelopeBytes+1), registry, lim); err == nil || !strings.Contains(err.Error(),
		"EnvelopeBytes") {
		t.Errorf("a long envelope: %v", err)
	}
}

// TestSuffixes: the place of a fill is read strictly.
func TestSuffixes(t *testing.T) {
	for _, s := range []string{
		"", "/", "/site/", "/site/-1", "/site/01", "/site/4294967296", "/site/99999999999999999999", "/site/1/",
		"site/1",
		"/component/1", "/component/1/op/", "/component/2147483648/op/a", "/component/01/op/a", "/component/1/op/a/b",
		"/component/1/op/" + strings.Repeat("a", 65), "/component/1/op/a b", "/component//op/a", "/component/1/opa",
	} {
		var f Fill
		if parseSuffix(s, &f) == "" {
			t.Errorf("%q was accepted as %+v", s, f)
		}
	}
	for _, f := range []Fill{{}, {Site: 1<<32 - 1}, {Op: "Run:a_b-c.d"},
		{Component: 1<<31 - 1, Op: strings.Repeat("a", 64)}} {
		var got Fill
		s := string(appendSuffix(nil, &f))
		if why := parseSuffix(s, &got); why != "" || got != f || suffixSize(&f) != len(s) {
			t.Errorf("%q: %s %+v", s, why, got)
		}
	}
}

// TestBadFill: a fill that cannot be decoded becomes a failure with its place, and its siblings go on.
func TestBadFill(t *testing.T) {
	e := &Envelope{Version: 1, Fills: []Fill{
		{Site: 1, Value: value.Int(5)}, {Site: 2, Value: value.Bool(true)}, {Site: 3},
		{Component: 4, Op: "join", Value: value.String("x")},
	}}
	b, err := Append(nil, registry, e)
	if err != nil {
		t.Fatal(err)
	}
	b = bytes.Replace(b, []byte("rhizome.Bool/1"), []byte("rhizome.Bool/9"), 1)
	b = bytes.Replace(b, []byte("\x01x"), []byte("\x01\xff"), 1)
	got, err := Decode(b, registry, DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	if got.Fills[0].Value != value.Int(5) || got.Fills[2].Value != nil {
		t.Errorf("%+v", got.Fills)
	}
	for i, where := range map[int]string{1: "/site/2", 3: "/component/4/op/join"} {
		if f := value.Failed(got.Fills[i].Value); f == nil || f.Code != CodeUndecodable || f.Where != where {
			t.Errorf("fill %d: %+v", i, got.Fills[i])
		}
	}
	lim := DefaultLimits()
	lim.FillBytes = 0
	if got, err = Decode(b, registry, lim); err != nil || value.Failed(got.Fills[0].Value) == nil {
		t.Errorf("a fill over the limit: %v %+v", err, got)
	}
}

// TestHeaderFirst: the header can be read without looking at the fills, however bad they are (law admitted-first).
func TestHeaderFirst(t *testing.T) {
	b, err := Append(nil, registry, &Envelope{Version: 1, From: "a", Fills: []Fill{{Site: 1}}})
	if err != nil {
		t.Fatal(err)
	}
	b = append(b[:len(b)-3], 0xff, 0xff, 0xff)
	e, u, err := DecodeHeader(b, DefaultLimits())
	if err != nil || e.From != "a" || e.Fills != nil {
		t.Fatalf("%v %+v", err, e)
	}
	if _, err := u.Decode(registry, DefaultLimits()); err == nil {
		t.Error("bad fills were accepted")
	}
}

// TestDamage: no truncation and no flipped bit makes the decoder panic (trap hostile-length).
func TestDamage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, err := Append(nil, registry, arbitraryEnvelope(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range b {
			_, _ = Decode(b[:i], registry, DefaultLimits())
			c := bytes.Clone(b)
			c[i] ^= 1 << (i % 8)
			_, _ = Decode(c, registry, DefaultLimits())
		}
	})
}

// TestNoAllocationForClaims: counts and lengths that the input does not hold allocate nothing (trap hostile-length).
func TestNoAllocationForClaims(t *testing.T) {
	many := []byte("\x08\x01" + strings.Repeat("\x92\x01\x00", 1<<20))
	for _, b := range [][]byte{many, []byte("\x08\x01\x92\x01\xff\xff\xff\x07")} {
		if n := testing.AllocsPerRun(5, func() { _, _ = Decode(b, registry, DefaultLimits()) }); n > 8 {
			t.Errorf("%v allocations", n)
		}
	}
}

// FuzzDecode: the decoder never panics, and what it accepts has one canonical form, which is the input or says the same
// in no more bytes.
func FuzzDecode(f *testing.F) {
	b, err := Append(nil, registry, &Envelope{Version: 1, From: "a", To: "b", Edge: -1, Request: Request{1, 2},
		Source: []string{"/memory/x"},
		Fills:  []Fill{{Site: 1, Value: value.NewList(value.Int(3), value.Trigger{})}, {Component: 1, Op: "join"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		e, canonical, foreign, err := decodeAll(b, EdgeLimits())
		if err != nil {
			return
		}
		if foreign == bytes.Equal(canonical, b) || len(canonical) > len(b) {
			t.Fatalf("foreign: %v, and the canonical form of\n%x is\n%x", foreign, b, canonical)
		}
		e2, same, foreign, err := decodeAll(canonical, EdgeLimits())
		if err != nil || foreign || !bytes.Equal(same, canonical) {
			t.Fatalf("the canonical form of\n%x is refused, or has another one: %v\n%x", b, err, canonical)
		}
		again, err := Append(nil, registry, e)
		if err != nil {
			t.Fatal(err)
		}
		if b2, err := Append(nil, registry, e2); err != nil || !bytes.Equal(again, b2) {
			t.Fatalf("the canonical form says something else: %v\n%x\n%x", err, again, b2)
		}
		for i := range e.Fills {
			if v := e.Fills[i].Value; v != nil && (v.Type() == value.TypeTensor || v.Type() == value.TypeList ||
				v.Type() == value.TypeFailure) {
				return // codecs that read more than they write, and failures that stand for what could not be read
			}
		}
		if !bytes.Equal(again, canonical) {
			t.Fatalf("not the canonical form:\n%x\n%x", canonical, again)
		}
	})
}

// decodeAll reads an envelope whole, with its canonical form.
func decodeAll(b []byte, lim Limits) (e *Envelope, canonical []byte, foreign bool, err error) {
	e, u, err := DecodeHeader(b, lim)
	if err == nil {
		e.Fills, err = u.Decode(registry, lim)
	}
	if err != nil {
		return nil, nil, false, err
	}
	return e, u.Canonical(e), u.Foreign(), nil
}
