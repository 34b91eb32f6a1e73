package exchange

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
)

// Package is a job that arrived, checked: the artifact is the one that the offer names.
type Package struct {
	Offer Offer
	Bytes []byte           // of the artifact; nil where the client held it already, or the job is done
	Model *onnx.ModelProto // of Bytes
}

// Ask asks for the job at the other end of a stream and reads all of it, at most max bytes of artifact. Errors are
// *RefusedError, *ProtocolError, those of package onnx for an artifact that is none, and *DigestError.
func Ask(s transport.Stream, h Hello, max int64) (*Package, error) {
	h.Format = Format
	if err := WriteMessage(s, h); err != nil {
		return nil, cutShort("hello", err)
	}
	var a Answer
	if err := ReadMessage(s, &a, timeout); err != nil {
		return nil, err
	}
	switch {
	case a.Refused != nil:
		return nil, &RefusedError{*a.Refused}
	case a.Format != Format:
		return nil, broken("answer", "is of format %d, and this release knows %d", a.Format, Format)
	case a.Offer == nil:
		return nil, broken("answer", "is neither an offer nor a refusal")
	}
	p := &Package{Offer: *a.Offer}
	if d, err := hex.DecodeString(p.Offer.Digest); err != nil || len(d) != 32 {
		return nil, broken("offer", "names the digest %.80q; want 64 hex digits", p.Offer.Digest)
	}
	if p.Offer.Done != nil || p.Offer.Digest == h.Held {
		return p, nil
	}
	if p.Offer.Bytes < 1 || p.Offer.Bytes > max {
		return nil, broken("offer", "the artifact has %d bytes, at most %d are allowed", p.Offer.Bytes, max)
	}
	var err error
	if p.Bytes, err = receive(s, p.Offer.Bytes); err != nil {
		return nil, err
	}
	p.Model, err = Open(p.Bytes, p.Offer.Digest)
	return p, err
}

// receive reads so many bytes, and allocates as they come: what the other side claims costs nothing.
func receive(s transport.Stream, n int64) ([]byte, error) {
	var out []byte
	for int64(len(out)) < n {
		at := len(out)
		out = append(out, make([]byte, min(n-int64(at), chunkBytes))...)
		s.SetDeadline(time.Now().Add(timeout))
		if got, err := io.ReadFull(s, out[at:]); err != nil {
			var e *ProtocolError
			if err = cutShort("artifact", err); errors.As(err, &e) {
				err = broken("artifact", "%s after %d of %d bytes", e.Reason, at+got, n)
			}
			return nil, err
		}
	}
	return out, nil
}

// DigestError says that an artifact is not the one that was named.
type DigestError struct{ Got, Want string }

// Error names both digests.
func (e *DigestError) Error() string {
	return "the artifact has the digest " + e.Got + ", not " + e.Want +
		" as was said: it was changed on its way or on the disk"
}

// Open decodes an artifact from bytes that nobody vouches for, and holds it against its digest.
func Open(b []byte, digest string) (*onnx.ModelProto, error) {
	m, err := onnx.Load(b, onnx.DefaultLimits())
	if err != nil {
		return nil, err
	}
	d, err := artifact.Digest(m)
	if err != nil {
		return nil, err
	}
	if got := hex.EncodeToString(d[:]); got != digest {
		return nil, &DigestError{got, digest}
	}
	return m, nil
}

// Serve answers one client. What it may get, the caller decides from who it is and what it says: an offer, whose
// artifact has the bytes of Package, or a refusal as a *RefusedError. A message that came whole and is no Hello is
// refused too, and the error is the refusal.
func Serve(s transport.Stream, from wire.PeerID, decide func(Hello) (*Package, error)) error {
	var h Hello
	if err := ReadMessage(s, &h, timeout); err != nil {
		var none *MessageError
		if !errors.As(err, &none) {
			return err
		}
		no := &RefusedError{Refusal{CodeFormat,
			fmt.Sprintf("the hello is none of format %d, which this server knows: %s",
				Format, clean.Text(none.Reason, 200))}}
		if err := WriteMessage(s, Answer{Format: Format, Refused: &no.Refusal}); err != nil {
			return err
		}
		return no
	}
	p, err := judge(h, from, decide)
	if no, ok := err.(*RefusedError); ok {
		if err := WriteMessage(s, Answer{Format: Format, Refused: &no.Refusal}); err != nil {
			return err
		}
		return no
	}
	if err != nil {
		return err
	}
	if err := WriteMessage(s, Answer{Format: Format, Offer: &p.Offer}); err != nil {
		return cutShort("answer", err)
	}
	if p.Offer.Done != nil || h.Held == p.Offer.Digest {
		return s.CloseWrite()
	}
	for b := p.Bytes; len(b) > 0; {
		n := min(len(b), chunkBytes)
		s.SetDeadline(time.Now().Add(timeout))
		if _, err := s.Write(b[:n]); err != nil {
			return cutShort("artifact", err)
		}
		b = b[n:]
	}
	return s.CloseWrite()
}

func judge(h Hello, from wire.PeerID, decide func(Hello) (*Package, error)) (*Package, error) {
	switch {
	case h.Format != Format:
		return nil, Refuse(CodeFormat, "the hello is of format %d, and this server knows %d: use releases that know "+
			"the same", h.Format, Format)
	case h.Peer != string(from):
		return nil, Refuse(CodeStranger, "the hello says %s, and the key is that of %s", clean.Quote(h.Peer, 64), from)
	}
	return decide(h)
}
