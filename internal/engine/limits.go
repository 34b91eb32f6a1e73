package engine

import (
	"github.com/rhizome-ml/rhizome/internal/dataflow"
	"github.com/rhizome-ml/rhizome/internal/peer"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Limits bounds everything in a node. A zero field stands for that of DefaultLimits.
type Limits struct {
	OpsPerPoll      int         // ops that one Poll runs; the rest stays on the frontier
	Frames          int         // activations alive at once; envelopes and calls wait beyond it
	SlotBytes       int         // of values in frames; envelopes, calls and bus events wait beyond it
	CallDepth       int         // nesting of calls, branches and loops
	PendingCommands int         // commands given out; ops wait beyond it
	Parked          int         // ops that wait
	IngressEvents   int         // inputs accepted and not processed; Deliver refuses beyond it
	IngressBytes    int         // their bytes
	BusEvents       int         // queued events; Publish fails beyond it
	AppEvents       int         // events that the host has not acknowledged; AppEmit waits beyond it
	AppEventBytes   int         // of one event
	InvokeInputs    int         // values of one host call
	InvokeBytes     int         // their bytes
	CompletionBytes int         // of one result that is not a tensor
	Timers          int         // armed timers; arming fails beyond it
	Holds           int         // named held values
	Queues          int         // named queues
	QueueLength     int         // values in one queue
	Records         int         // named rings
	RecordEntries   int         // entries of one ring
	Counters        int         // named counters; later names count under "other"
	Latches         int         // keys seen; the oldest is forgotten beyond it
	Wire            wire.Limits // of envelopes
	OutboxEnvelopes int         // unacknowledged; sends wait beyond it
	OutboxBytes     int
	PeerEnvelopes   int // of the outbox that one peer may have
	PeerBytes       int
	Silences        int // of a peer that are remembered, to tell when it is suspected
	DedupWindow     int // numbers of one stream that may come ahead of a missing one
	BookPeers       int // address book
	BookAddresses   int // per peer
	Requests        int // own questions without an answer; requests wait beyond it
	FailuresToDown  int // failures in a row until a peer is down
	Members         int // of the roster; as many that are members no more are remembered
	Loans           int // values lent to peers at once, and as many borrowed of them
	LoanBytes       int // of what is lent, and of what is being fetched; sends and fetches wait beyond it
}

// DefaultLimits returns the limits of a server.
func DefaultLimits() Limits {
	return Limits{
		OpsPerPoll: 1000, Frames: 16384, SlotBytes: 1 << 30, CallDepth: 64, PendingCommands: 10000, Parked: 16384,
		IngressEvents: 4096, IngressBytes: 256 << 20, BusEvents: 1024, AppEvents: 4096, AppEventBytes: 1 << 20,
		InvokeInputs: 100, InvokeBytes: 10 << 20, CompletionBytes: 4 << 20, Timers: 65536,
		Holds: 1024, Queues: 1024, QueueLength: 4096, Records: 1024, RecordEntries: 1024, Counters: 4096, Latches: 8192,
		Wire: wire.DefaultLimits(), OutboxEnvelopes: 10000, OutboxBytes: 256 << 20, PeerEnvelopes: 1024,
		PeerBytes: 64 << 20, Silences: peer.DefaultSilent, DedupWindow: 8192,
		BookPeers: 16384, BookAddresses: 16, Requests: 16384, FailuresToDown: 5, Members: 16384, Loans: 16384,
		LoanBytes: 1 << 30,
	}
}

// EdgeLimits returns the limits of a small device.
func EdgeLimits() Limits {
	return Limits{
		OpsPerPoll: 1000, Frames: 1024, SlotBytes: 64 << 20, CallDepth: 16, PendingCommands: 1000, Parked: 1024,
		IngressEvents: 256, IngressBytes: 8 << 20, BusEvents: 256, AppEvents: 256, AppEventBytes: 64 << 10,
		InvokeInputs: 16, InvokeBytes: 256 << 10, CompletionBytes: 64 << 10, Timers: 1024,
		Holds: 64, Queues: 64, QueueLength: 256, Records: 64, RecordEntries: 64, Counters: 512, Latches: 1024,
		Wire: wire.EdgeLimits(), OutboxEnvelopes: 256, OutboxBytes: 8 << 20, PeerEnvelopes: 64, PeerBytes: 4 << 20,
		Silences: peer.EdgeSilent, DedupWindow: 1024,
		BookPeers: 512, BookAddresses: 4, Requests: 256, FailuresToDown: 5, Members: 512, Loans: 256,
		LoanBytes: 64 << 20,
	}
}

func (l *Limits) streams() peer.StreamLimits {
	return peer.StreamLimits{Peers: l.BookPeers, Envelopes: l.OutboxEnvelopes, Bytes: l.OutboxBytes,
		Window:        l.DedupWindow,
		PeerEnvelopes: l.PeerEnvelopes, PeerBytes: l.PeerBytes, Silences: l.Silences}
}

// answersKept is how many answers are kept for each peer.
const answersKept = 4

func (l *Limits) requests(unasked bool) peer.RequestLimits {
	answers := answersKept
	if unasked {
		answers = 0
	}
	return peer.RequestLimits{Outbound: l.Requests, Inbound: l.Frames, Answers: answers, Lending: answersKept,
		AnswerBytes: l.OutboxBytes}
}

func (l *Limits) machine() dataflow.Limits {
	return dataflow.Limits{OpsPerPoll: l.OpsPerPoll, Frames: l.Frames, SlotBytes: l.SlotBytes, CallDepth: l.CallDepth,
		PendingCommands: l.PendingCommands,
		Parked:          l.Parked, BusEvents: l.BusEvents, AppEvents: l.AppEvents, AppEventBytes: l.AppEventBytes,
		Timers: l.Timers, Holds: l.Holds,
		Queues: l.Queues, QueueLength: l.QueueLength, Records: l.Records, RecordEntries: l.RecordEntries,
		Counters: l.Counters, Latches: l.Latches,
		Values: l.Wire.Values}
}
