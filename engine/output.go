package engine

import (
	"encoding/binary"
	"hash/crc64"

	"github.com/rhizome-ml/rhizome/program"
	"github.com/rhizome-ml/rhizome/value"
	"github.com/rhizome-ml/rhizome/wire"
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
}

// Packet is an envelope in wire form, encoded once, and the peer that it is for.
type Packet struct {
	To    wire.PeerID
	Raw   []byte
	Acks  bool // it acknowledges and does nothing else: any later packet to the peer that acknowledges says as much
	Acked bool // an acknowledgement rides on it
}

// Command is work for the host's workers: a pure function of its inputs.
type Command struct {
	ID        uint64 // the idempotency key: a second result for it is harmless
	Component int32  // index in Program.Components
	Method    string
	Inputs    []value.Value
}

// AppEvent is an event to the host. Its number lets the host see each event once, although it may be told twice.
type AppEvent struct {
	Number uint64 // from 1, without gaps
	Name   string
	Value  value.Value
}

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
// their canonical form, except the inputs of commands: they are functions of the state, and their sizes suffice.
func (o *Output) Digest(reg *value.Registry) uint64 {
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

type traceKind string

const (
	traceOpen     traceKind = "open"
	traceEnd      traceKind = "end"
	traceRun      traceKind = "run"
	traceFail     traceKind = "fail"
	traceRetry    traceKind = "retry"
	traceTimer    traceKind = "timer"
	traceDrop     traceKind = "drop"
	traceAnswer   traceKind = "answer"
	tracePeer     traceKind = "peer"
	traceBus      traceKind = "bus"
	traceComplete traceKind = "complete"
	traceError    traceKind = "error"
)

// TraceEvent is one step of the engine, for people and for golden conversations.
type TraceEvent struct {
	At   int64  // engine time
	Kind string // open, end, run, fail, …
	Exec uint64 // the activation, or 0
	Op   string // the op, or empty
	Text string
}

func (e *Engine) trace(kind traceKind, f *frame, op int32, text string) {
	if !e.tracing {
		return
	}
	ev := TraceEvent{At: e.st.now, Kind: string(kind), Text: text}
	if f != nil {
		ev.Exec = f.exec
		if op >= 0 {
			ev.Op = f.fn.Ops[op].Name
		}
	}
	e.out.Trace = append(e.out.Trace, ev)
}

// opRef returns the global id of an op of a frame.
func opRef(f *frame, op int32) program.OpRef { return f.fn.OpBase + program.OpRef(op) }

// Unfinished returns what a Poll that AfterOp has left by a panic has put out so far; it is valid until the next Poll.
func (e *Engine) Unfinished() *Output { return e.out }
