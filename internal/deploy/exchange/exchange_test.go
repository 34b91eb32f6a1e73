package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// pipe is a stream within the process.
type pipe struct{ net.Conn }

func (p pipe) CloseWrite() error { return nil }
func (p pipe) Reset() error      { return p.Close() }

const me = wire.PeerID("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")

// digits is the job that travels.
func digits(t *testing.T) *Package {
	t.Helper()
	art, err := federated.Default().Compile()
	if err != nil {
		t.Fatal(err)
	}
	b, err := onnx.Marshal(art.Model)
	if err != nil {
		t.Fatal(err)
	}
	return &Package{Bytes: b, Offer: Offer{
		Job: "digits", Kind: federated.Name, Settings: federated.Default().Settings(), Seed: 1,
		Digest: hex.EncodeToString(art.Digest[:]),
		Bytes:  int64(len(b)), Place: job.ClientsPlace, Member: 3,
	}}
}

// between runs an exchange; serve may be any server.
func between(h Hello, max int64, serve func(s pipe)) (*Package, error) {
	a, b := net.Pipe()
	var side sync.WaitGroup
	side.Go(func() {
		serve(pipe{b})
		b.Close()
	})
	p, err := Ask(pipe{a}, h, max)
	a.Close()
	side.Wait()
	return p, err
}

// TestAJobTravels gives a job whole, and without its bytes where the client holds it or the job is done.
func TestAJobTravels(t *testing.T) {
	want := digits(t)
	give := func(s pipe) { Serve(s, me, func(Hello) (*Package, error) { return want, nil }) }
	got, err := between(Hello{Peer: string(me)}, ArtifactMax, give)
	if err != nil || string(got.Bytes) != string(want.Bytes) || got.Model == nil || got.Offer.Member != 3 {
		t.Fatalf("%+v, %v", got, err)
	}
	if cfg, err := job.FromSettings(federated.Kind{}, got.Offer.Settings); err != nil || cfg != federated.Default() {
		t.Errorf("settings: %+v, %v", cfg, err)
	}
	if got, err = between(Hello{Peer: string(me), Held: want.Offer.Digest}, ArtifactMax, give); err != nil ||
		got.Bytes != nil {
		t.Errorf("held: %d bytes, %v", len(got.Bytes), err)
	}
	want.Offer.Done = &Done{Rounds: 80}
	if got, err = between(Hello{Peer: string(me)}, ArtifactMax, give); err != nil || got.Bytes != nil ||
		got.Offer.Done.Rounds != 80 {
		t.Errorf("done: %+v, %v", got, err)
	}
}

// TestRefusals gives typed reasons to who says another id, speaks another format, or is not wanted.
func TestRefusals(t *testing.T) {
	p := digits(t)
	for _, c := range []struct {
		from   wire.PeerID
		hello  Hello
		decide error
		code   string
	}{
		{me, Hello{Peer: "12D3KooWother"}, nil, CodeStranger},
		{me, Hello{Peer: string(me)}, Refuse(CodeFull, "all taken"), CodeFull},
	} {
		_, err := between(c.hello, ArtifactMax, func(s pipe) {
			Serve(s, c.from, func(Hello) (*Package, error) { return p, c.decide })
		})
		var no *RefusedError
		if !errors.As(err, &no) || no.Code != c.code {
			t.Errorf("%+v: %v", c.hello, err)
		}
	}
	_, err := between(Hello{Peer: string(me)}, ArtifactMax, func(s pipe) {
		var h Hello
		ReadMessage(s, &h, Timeout)
		_, err := judge(Hello{Format: 9, Peer: string(me)}, me, nil)
		WriteMessage(s, Answer{Format: Format, Refused: &err.(*RefusedError).Refusal})
	})
	if err == nil || !strings.Contains(err.Error(), "format 9") {
		t.Errorf("another format: %v", err)
	}
}

// TestLaterMessages: keys that a later release adds are dropped in what peers say of themselves and of jobs, and
// refused in a call.
func TestLaterMessages(t *testing.T) {
	good := digits(t)
	b, err := json.Marshal(Answer{Format: Format, Offer: &good.Offer})
	if err != nil {
		t.Fatal(err)
	}
	later := append([]byte(`{"later":{"a":[1,2]},`), b[1:]...)
	p, err := between(Hello{Peer: string(me)}, ArtifactMax, func(s pipe) {
		var h Hello
		ReadMessage(s, &h, Timeout)
		s.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(later))), later...))
		s.Write(good.Bytes)
	})
	if err != nil || p.Offer.Digest != good.Offer.Digest || p.Model == nil {
		t.Errorf("an answer with a key of a later release: %v", err)
	}
	for what, read := range map[string]func(transport.Stream, any, time.Duration) error{"message": ReadMessage,
		"call": ReadCall} {
		a, b := net.Pipe()
		client, server := pipe{a}, pipe{b}
		go client.Write([]byte("\x00\x00\x00\x0e{\"later\":true}"))
		if err := read(server, &Hello{}, Timeout); (err != nil) != (what == "call") {
			t.Errorf("a %s with a key of a later release: %v", what, err)
		}
		client.Close()
		server.Close()
	}
}

// TestHostileServers lie, break off, and say nothing: each is a typed error that says what, and the client keeps
// nothing.
func TestHostileServers(t *testing.T) {
	defer func(was time.Duration) { timeout = was }(timeout)
	good := digits(t)
	other := federated.Default()
	other.Hidden = 7
	art, err := other.Compile()
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := onnx.Marshal(art.Model)
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), good.Bytes...)
	// not in the author's lines, which are no part of the digest
	flipped[bytes.Index(flipped, []byte("SoftmaxCrossEntropyLoss"))] ^= 1
	answer := func(change func(*Offer), artifact []byte) func(pipe) {
		return func(s pipe) {
			var h Hello
			ReadMessage(s, &h, Timeout)
			o := good.Offer
			change(&o)
			WriteMessage(s, Answer{Format: Format, Offer: &o})
			s.Write(artifact)
		}
	}
	same := func(*Offer) {}
	for name, c := range map[string]struct {
		serve func(pipe)
		want  string
	}{
		"silent": {func(s pipe) {
			s.Read(make([]byte, 1<<16))
			s.Read(make([]byte, 1)) // until the client gives up
		}, "silent"},
		"gone": {func(s pipe) { s.Read(make([]byte, 1<<16)) }, "broke off"},
		"claims a gigabyte": {func(s pipe) { s.Read(make([]byte, 1<<16)); s.Write([]byte{0x40, 0, 0, 0}) },
			"claims 1073741824 bytes"},
		"no JSON": {func(s pipe) { s.Read(make([]byte, 1<<16)); s.Write([]byte{0, 0, 0, 2, 'x', 'y'}) },
			"invalid character"},
		"unknown keys alone": {func(s pipe) {
			s.Read(make([]byte,
				1<<16))
			s.Write([]byte("\x00\x00\x00\x09{\"x\":1.0}"))
		}, "format 0"},
		"nothing": {func(s pipe) {
			s.Read(make([]byte,
				1<<16))
			s.Write([]byte("\x00\x00\x00\x0c{\"format\":1}"))
		}, "neither an offer nor a refusal"},
		"no digest": {answer(func(o *Offer) { o.Digest = "12" }, nil), "64 hex digits"},
		"too large": {answer(func(o *Offer) { o.Bytes = ArtifactMax + 1 }, nil), "at most"},
		"negative":  {answer(func(o *Offer) { o.Bytes = -1 }, nil), "-1 bytes"},
		"cut short": {answer(same, good.Bytes[:1000]), "broke off after 1000 of"},
		"stalls": {func(s pipe) {
			answer(same, good.Bytes[:1000])(s)
			s.SetDeadline(time.Time{})
			s.Read(make([]byte, 1))
		}, "silent after 1000 of"},
		"another program":     {answer(func(o *Offer) { o.Bytes = int64(len(foreign)) }, foreign), "has the digest"},
		"a flipped bit":       {answer(same, flipped), ""},
		"bytes that are none": {answer(func(o *Offer) { o.Bytes = 4 }, []byte{0xff, 0xff, 0xff, 0xff}), ""},
	} {
		timeout = Timeout
		if strings.HasPrefix(c.want, "silent") { // all others speak, on a busy machine late
			timeout = time.Second
		}
		p, err := between(Hello{Peer: string(me)}, ArtifactMax, c.serve)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %+v, %v; want an error with %q", name, p, err, c.want)
		}
	}
}

// FuzzAsk gives a client any bytes in place of an answer: an error, or a job whose digest is right.
func FuzzAsk(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x0c{\"format\":1}"))
	f.Add([]byte("\x00\x00\x00\x02{}"))
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		p, err := between(Hello{Peer: string(me)}, 1<<16, func(s pipe) {
			s.Read(make([]byte, 1<<16))
			s.SetDeadline(time.Now().Add(time.Second))
			s.Write(b)
		})
		if err == nil && p.Offer.Done == nil && p.Model == nil {
			t.Errorf("taken without a program: %+v", p)
		}
	})
}
