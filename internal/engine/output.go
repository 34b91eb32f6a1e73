package engine

import (
	"encoding/binary"
	"hash/crc64"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/cespare/xxhash/v2"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Output is all that one Poll wants from the world. It is valid until the next Poll.
type Output struct {
	Envelopes []Packet        // leave only when the inputs so far are durable
	AppEvents []AppEvent      // leave only when the inputs so far are durable; delivered at least once, numbered
	Commands  []Command       // may start at once
	Controls  []ControlResult // of calls of the control plane; told only when the inputs so far are durable
	Peers     []PeerNotice    // what became of peers, in order; may be told at once, and is told once
	Wake      int64           // engine time of the next Poll that is due without an input; 0 means none
	More      bool            // work is left: Poll again at once
	Trace     []TraceEvent    // when Config.Trace is set

	Rules uint32 // by which the output was made, and is hashed
}

// Packet is an envelope in wire form, encoded once, and the peer that it is for.
type Packet struct {
	To    wire.PeerID
	Raw   []byte
	Acks  bool // it acknowledges and does nothing else: any later packet to the peer that acknowledges says as much
	Acked bool // an acknowledgement rides on it
}

// What the machine puts out is part of an Output as it is.
type (
	Command    = dataflow.Command
	AppEvent   = dataflow.AppEvent
	TraceEvent = dataflow.TraceEvent
	Counter    = dataflow.Counter
)

// FailureEvent is the name of the app event that reports a failure that nothing in the program handled.
const FailureEvent = dataflow.FailureEvent

// NeedsDurable says whether the output holds anything that may leave only once the inputs are durable.
func (o *Output) NeedsDurable() bool {
	return len(o.Envelopes) > 0 || len(o.AppEvents) > 0 || len(o.Controls) > 0
}

func (o *Output) reset() {
	clear(o.Envelopes)
	clear(o.AppEvents)
	clear(o.Commands)
	clear(o.Controls)
	clear(o.Peers)
	clear(o.Trace)
	o.Envelopes, o.AppEvents, o.Commands, o.Trace = o.Envelopes[:0], o.AppEvents[:0], o.Commands[:0], o.Trace[:0]
	o.Peers, o.Controls = o.Peers[:0], o.Controls[:0]
	o.Wake, o.More = 0, false
}

var digestTable = crc64.MakeTable(crc64.ECMA)

// Digest returns a hash over everything in the output, the trace apart, for the check of a replay. Values are hashed in
// their canonical form, except the inputs of commands: they are functions of the state, and their sizes suffice. It
// goes by the rules that the output was made by: what an earlier release journaled is held against the digest of that
// release, which did not tell where a field ends.
func (o *Output) Digest(reg *value.Registry) uint64 {
	if o.Rules < 3 {
		return o.plainDigest(reg)
	}
	h := hasher{reg: reg}
	h.count(len(o.Envelopes))
	for i := range o.Envelopes {
		p := &o.Envelopes[i]
		h.text(string(p.To))
		h.bytes(p.Raw)
	}
	h.count(len(o.AppEvents))
	for _, ev := range o.AppEvents {
		h.number(ev.Number)
		h.text(ev.Name)
		h.value(ev.Value)
	}
	h.count(len(o.Commands))
	for _, c := range o.Commands {
		h.number(c.ID)
		h.number(uint64(c.Component))
		h.text(c.Method)
		h.count(len(c.Inputs))
		for _, v := range c.Inputs {
			h.number(uint64(v.Bytes()))
		}
	}
	h.count(len(o.Controls))
	for i := range o.Controls {
		r := &o.Controls[i]
		h.number(r.ID)
		for _, s := range []string{string(r.Caller), r.Op, string(r.Peer), r.Code, r.Reason, r.Place} {
			h.text(s)
		}
		h.number(uint64(r.Number))
		h.flag(r.Accepted)
	}
	h.count(len(o.Peers))
	for i := range o.Peers {
		n := &o.Peers[i]
		h.number(uint64(n.Kind))
		h.text(string(n.Peer))
		h.text(n.Reason)
		h.count(len(n.Addresses))
		for _, a := range n.Addresses {
			h.text(a)
		}
		h.number(n.Seen)
		h.number(n.SeenStart)
	}
	h.number(uint64(o.Wake))
	h.flag(o.More)
	return h.end()
}

// plainDigest is the digest of releases up to rules 2.
func (o *Output) plainDigest(reg *value.Registry) uint64 {
	var b []byte
	sum := uint64(0)
	for _, p := range o.Envelopes {
		sum = crc64.Update(sum, digestTable, p.Raw)
	}
	for _, ev := range o.AppEvents {
		b = binary.LittleEndian.AppendUint64(b, ev.Number)
		b = append(b, ev.Name...)
		b, _ = reg.Append(b, ev.Value)
	}
	for _, c := range o.Commands {
		b = binary.LittleEndian.AppendUint64(b, c.ID)
		b = append(b, c.Method...)
		for _, v := range c.Inputs {
			b = binary.LittleEndian.AppendUint64(b, uint64(v.Bytes()))
		}
	}
	for i := range o.Controls {
		b = o.Controls[i].append(b)
	}
	for i := range o.Peers {
		b = o.Peers[i].append(b)
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(o.Wake))
	if o.More {
		b = append(b, 1)
	}
	return crc64.Update(sum, digestTable, b)
}

// hasher hashes fields so that no two rows of them that differ are the same bytes: texts by their length and content,
// numbers in one width, lists by their length. What is large stands in the row with its XXH64, which takes a tenth of
// the time.
type hasher struct {
	reg *value.Registry
	b   []byte // not hashed yet
	sum uint64
	buf []byte
}

// hashBytes is from where on bytes are large, and how much of the row is hashed at once.
const hashBytes = 4 << 10

func (h *hasher) flush() {
	h.sum = crc64.Update(h.sum, digestTable, h.b)
	h.b = h.b[:0]
}

func (h *hasher) number(n uint64) {
	if h.b = binary.LittleEndian.AppendUint64(h.b, n); len(h.b) >= hashBytes {
		h.flush()
	}
}

func (h *hasher) count(n int) { h.number(uint64(n)) }

func (h *hasher) flag(on bool) {
	if on {
		h.number(1)
	} else {
		h.number(0)
	}
}

func (h *hasher) text(s string) {
	h.count(len(s))
	h.b = append(h.b, s...)
}

func (h *hasher) bytes(b []byte) {
	h.count(len(b))
	if len(b) < hashBytes {
		h.b = append(h.b, b...)
		return
	}
	h.number(xxhash.Sum64(b))
}

// value hashes a value in its canonical form.
func (h *hasher) value(v value.Value) {
	h.text(string(v.Type()))
	_ = h.payload(v)
}

// payload hashes the canonical form of a value like bytes. One that is large is never there as a whole.
func (h *hasher) payload(v value.Value) (err error) {
	n, err := h.reg.Size(v)
	if err != nil || n < hashBytes {
		if h.buf, err = h.reg.Append(h.buf[:0], v); err == nil {
			h.bytes(h.buf)
		}
		return err
	}
	h.count(n)
	var x xxhash.Digest
	x.Reset()
	if h.buf, err = h.reg.Pieces(v, h.buf, func(piece []byte) { x.Write(piece) }); err == nil {
		h.number(x.Sum64())
	}
	return err
}

func (h *hasher) end() uint64 {
	h.flush()
	return h.sum
}

// ResultDigest returns a hash over a worker's results by the rules: see Output.Digest.
func ResultDigest(reg *value.Registry, rules uint32, out []value.Value) (uint64, error) {
	h := hasher{reg: reg}
	if rules >= 3 {
		h.count(len(out))
	}
	var err error
	for _, v := range out {
		if rules < 3 { // types and payloads of all follow each other
			h.b = append(h.b, v.Type()...)
			h.flush()
			h.buf, err = reg.Pieces(v, h.buf, func(piece []byte) { h.sum = crc64.Update(h.sum, digestTable, piece) })
		} else {
			h.text(string(v.Type()))
			err = h.payload(v)
		}
		if err != nil {
			return 0, err
		}
	}
	return max(h.end(), 1), nil // 0 says that there is none
}

// Unfinished returns what a Poll that AfterOp has left by a panic has put out so far; it is valid until the next Poll.
func (e *Engine) Unfinished() *Output { return e.out }
