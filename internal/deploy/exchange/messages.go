package exchange

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy/invitation"
	"github.com/rhizome-ml/rhizome/transport"
)

// Protocol is the name of the stream's protocol.
const Protocol = "/rhizome/job/1"

// Format is the version of the messages.
const Format = 1

// The bounds of an exchange.
const (
	HeadMax     = 64 << 10         // bytes of a message
	ArtifactMax = 64 << 20         // bytes of an artifact, where nothing else is said
	Timeout     = 15 * time.Second // without a byte
	chunkBytes  = 64 << 10
)

// timeout is Timeout, shorter in tests.
var timeout = Timeout

// Hello is what a client says first.
type Hello struct {
	Format  int    `json:"format"`
	Release string `json:"release"`          // for people
	Peer    string `json:"peer"`             // who the client is; it must be who the transport says
	Job     string `json:"job,omitempty"`    // the name of the job that it wants, or any
	Member  int    `json:"member,omitempty"` // the number that it would like to have, from 1; 0 means any
	Look    bool   `json:"look,omitempty"`   // it wants to see the job, and is given no number
	Held    string `json:"held,omitempty"`   // digest of the artifact that it holds already
	// Secret shows that the client was invited. It goes only to a server whose key the transport has proven, which is
	// the one that the invitation names, and is in no log, whatever prints the Hello.
	Secret *invitation.Secret `json:"secret,omitempty"`
	Data   *Schema            `json:"data,omitempty"` // of the data of its own that it would train on
	Edge   bool               `json:"edge,omitempty"` // it would be an edge of the job, between its server and clients
	// Moves says that it has its number from another edge of the job, or from a server that this one is a fork of.
	Moves bool `json:"moves,omitempty"`
}

// Offer is a job as a server gives it to a client.
type Offer struct {
	Job      string            `json:"job"`
	Kind     string            `json:"kind"`
	Settings map[string]string `json:"settings"`
	Seed     uint64            `json:"seed"`
	Digest   string            `json:"digest"` // of the artifact, as package artifact has it
	Bytes    int64             `json:"bytes"`  // of the artifact
	Place    string            `json:"place"`  // that the client plays
	// the client's number, from 0, the same ever after; -1 where it has none
	Member  int                        `json:"member"`
	Options map[string]json.RawMessage `json:"options,omitempty"`
	Done    *Done                      `json:"done,omitempty"` // where the job is finished
}

// Done is what a finished job came to.
type Done struct {
	Rounds      int    `json:"rounds"`
	ModelSHA256 string `json:"model_sha256"`
}

// The codes of a Refusal.
const (
	CodeTaken    = "taken"    // another client has the number
	CodeFull     = "full"     // all places of the job are taken
	CodeOther    = "other"    // another job than the one that is wanted
	CodeStranger = "stranger" // not admitted, or not who it says
	CodeFormat   = "format"   // another version of the messages, or none of them
	CodeInvite   = "invite"   // the server is closed, and nothing that is said opens it
	CodeData     = "data"     // the client's data has other columns or classes than the job's
	CodeBusy     = "busy"     // not now: too much was asked at once
)

// Refusal is a server's no.
type Refusal struct {
	Code   string `json:"code"`
	Reason string `json:"reason"`
}

// Answer is an Offer or a Refusal.
type Answer struct {
	Format  int      `json:"format"`
	Offer   *Offer   `json:"offer,omitempty"`
	Refused *Refusal `json:"refused,omitempty"`
}

// RefusedError says that the server refused.
type RefusedError struct{ Refusal }

// Error is the server's reason, fit for a terminal.
func (e *RefusedError) Error() string {
	return "the server refuses (" + clean.Text(e.Code, 16) + "): " + clean.Line(e.Reason)
}

// ProtocolError says that the other side broke the protocol, or broke off.
type ProtocolError struct {
	Where  string
	Reason string
}

// Error says where and why, fit for a terminal: the other side may have chosen some of the words.
func (e *ProtocolError) Error() string {
	return "job exchange: " + e.Where + ": " + clean.Line(e.Reason)
}

// MessageError says that what came is none of the messages, though it came whole: the other side can be answered.
type MessageError struct{ ProtocolError }

// Unwrap returns the *ProtocolError.
func (e *MessageError) Unwrap() error { return &e.ProtocolError }

func broken(where, format string, args ...any) error {
	return &ProtocolError{where, fmt.Sprintf(format, args...)}
}

// WriteMessage writes v as one message, within Timeout.
func WriteMessage(s transport.Stream, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) > HeadMax {
		return broken("message", "%d bytes, at most %d are allowed", len(b), HeadMax)
	}
	s.SetDeadline(time.Now().Add(timeout))
	_, err = s.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...))
	return err
}

// ReadMessage reads one message into v, within the time. Keys that this release does not know are dropped: what the
// other side must understand raises Format. The length is checked before anything is allocated.
func ReadMessage(s transport.Stream, v any, within time.Duration) error {
	return readMessage(s, v, within, false)
}

// ReadCall is ReadMessage for what is to be done: a call that is not understood whole is an error, also for an unknown
// key.
func ReadCall(s transport.Stream, v any, within time.Duration) error {
	return readMessage(s, v, within, true)
}

func readMessage(s transport.Stream, v any, within time.Duration, whole bool) error {
	s.SetDeadline(time.Now().Add(within))
	var head [4]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		return cutShort("message", err)
	}
	n := binary.BigEndian.Uint32(head[:])
	if n > HeadMax {
		return &MessageError{ProtocolError{"message", fmt.Sprintf("claims %d bytes, at most %d are allowed", n,
			HeadMax)}}
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(s, b); err != nil {
		return cutShort("message", err)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	if whole {
		d.DisallowUnknownFields()
	}
	if err := d.Decode(v); err != nil {
		return &MessageError{ProtocolError{"message", err.Error()}}
	}
	if _, err := d.Token(); err != io.EOF {
		return &MessageError{ProtocolError{"message", "has more than one value"}}
	}
	return nil
}

// cutShort tells a stream that ended from one that is silent.
func cutShort(where string, err error) error {
	var t interface{ Timeout() bool }
	switch {
	case errors.As(err, new(*transport.UnreachableError)):
		return err // it says what would help
	case errors.As(err, &t) && t.Timeout():
		return broken(where, "the other side is silent")
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return broken(where, "the other side broke off")
	}
	return broken(where, "%v", err)
}

// Refuse returns a refusal.
func Refuse(code, format string, args ...any) error {
	return &RefusedError{Refusal{code, fmt.Sprintf(format, args...)}}
}
