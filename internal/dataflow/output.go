package dataflow

import (
	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/value"
)

// Output is where a machine puts what it wants from the world: at the end of lists of its caller, who empties them
// before each Poll.
type Output struct {
	AppEvents *[]AppEvent   // leave only when the inputs so far are durable; delivered at least once, numbered
	Commands  *[]Command    // may start at once
	Trace     *[]TraceEvent // where the machine traces
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

// TraceEvent is one step of the engine, for people and for golden conversations.
type TraceEvent struct {
	At   int64  // engine time
	Kind string // open, end, run, fail, …
	Exec uint64 // the activation, or 0
	Op   string // the op, or empty
	Text string
}

type TraceKind string

const (
	traceOpen     TraceKind = "open"
	traceEnd      TraceKind = "end"
	traceRun      TraceKind = "run"
	traceFail     TraceKind = "fail"
	traceRetry    TraceKind = "retry"
	traceTimer    TraceKind = "timer"
	traceDrop     TraceKind = "drop"
	TraceAnswer   TraceKind = "answer"
	TracePeer     TraceKind = "peer"
	traceBus      TraceKind = "bus"
	traceComplete TraceKind = "complete"
	TraceError    TraceKind = "error"
)

func (m *Machine) Trace(kind TraceKind, f *Frame, op int32, text string) {
	if !m.tracing {
		return
	}
	ev := TraceEvent{At: m.st.now, Kind: string(kind), Text: text}
	if f != nil {
		ev.Exec = f.Exec
		if op >= 0 {
			ev.Op = f.Func.Ops[op].Name
		}
	}
	*m.out.Trace = append(*m.out.Trace, ev)
}

// opRef returns the global id of an op of a frame.
func opRef(f *Frame, op int32) program.OpRef { return f.Func.OpBase + program.OpRef(op) }
