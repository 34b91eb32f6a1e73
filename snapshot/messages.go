package snapshot

import "github.com/rhizome-ml/rhizome/value"

// CurrentSnapshotSpecVersion is the version of this schema. Restore refuses what it cannot soundly read.
const CurrentSnapshotSpecVersion = 1

// NodeSnapshot is the complete state of a node in flight.
type NodeSnapshot struct {
	SpecVersion uint32              `snap:"1"` // CurrentSnapshotSpecVersion of the writer
	Incarnation uint64              `snap:"2"` // how often the node was started; the only field that a restore changes
	Config      ConfigSnapshot      `snap:"3"`
	Artifact    ArtifactSnapshot    `snap:"4"`
	Components  []ComponentSnapshot `snap:"5"` // by slot, in the artifact's order
	Transient   TransientSnapshot   `snap:"6"`
}

// ConfigSnapshot says which part the node plays and with which settings it was installed.
type ConfigSnapshot struct {
	Peer    string           `snap:"1"` // own peer id
	Place   string           `snap:"2"`
	Seed    uint64           `snap:"3"`
	Options []OptionSnapshot `snap:"4"` // node's own settings of its components, by slot name
	Targets []TargetSnapshot `snap:"5"` // peers that are known from the start, by place
	Anyone  []string         `snap:"6"` // places that any admitted peer plays, sorted
}

// OptionSnapshot is the node's own setting of one component slot, such as which partition it holds.
type OptionSnapshot struct {
	Slot string `snap:"1"`
	JSON []byte `snap:"2"` // canonical JSON
}

// TargetSnapshot names peers that play a place.
type TargetSnapshot struct {
	Place string   `snap:"1"`
	Peers []string `snap:"2"`
}

// ArtifactSnapshot names the program by digest, and carries it whole on demand.
type ArtifactSnapshot struct {
	Digest []byte `snap:"1"` // 32 bytes
	Whole  []byte `snap:"2"` // ONNX ModelProto bytes, or empty
}

// ComponentSnapshot is the state of one component slot.
type ComponentSnapshot struct {
	Slot    string   `snap:"1"`
	Kind    string   `snap:"2"`
	Version int32    `snap:"3"`
	State   Embedded `snap:"4"` // the component's own state message
}

// TransientSnapshot is everything of a node that is in flight.
type TransientSnapshot struct {
	Frontier           []FrontierEntry             `snap:"1"` // FIFO
	SlotTable          []SlotEntry                 `snap:"2"` // by (exec, site)
	PendingAsync       []PendingAsyncSnapshot      `snap:"3"` // by command
	ExecutionState     []ExecutionStateSnapshot    `snap:"4"` // by exec
	Framework          FrameworkSnapshot           `snap:"5"`
	Bus                TypedBusSnapshot            `snap:"6"`
	Ingress            []IngressEventSnapshot      `snap:"7"` // FIFO
	WireStates         []WireStateSnapshot         `snap:"8"` // by peer
	PendingCompletions []PendingCompletionSnapshot `snap:"9"` // FIFO
	AppEvents          []AppEventSnapshot          `snap:"10"`
	Parked             []ParkedSnapshot            `snap:"11"` // by call
	Poll               PollSnapshot                `snap:"12"`
}

// PollSnapshot says where inside a Poll the state stands, so that a snapshot between two ops goes on there.
type PollSnapshot struct {
	Phase   uint32 `snap:"1"` // 0 between polls, else the phase that is under way
	OpsLeft int64  `snap:"2"`
	Stage   uint32 `snap:"3"` // 0 new, 1 bootstrap under way, 2 running
	Fresh   uint32 `snap:"4"` // of the inputs, at their end, no Poll has seen
}

// FrontierEntry is an op that is ready to run.
type FrontierEntry struct {
	Op   uint32 `snap:"1"`
	Exec uint64 `snap:"2"`
}

// SlotEntry is a value that waits in a frame.
type SlotEntry struct {
	Exec  uint64      `snap:"1"`
	Site  uint32      `snap:"2"`
	Value value.Value `snap:"3"`
}

// PendingAsyncSnapshot is a command that was given out and not yet answered.
type PendingAsyncSnapshot struct {
	Command   uint64        `snap:"1"`
	Op        uint32        `snap:"2"`
	Exec      uint64        `snap:"3"`
	Component int32         `snap:"4"`
	Method    string        `snap:"5"`
	Sites     []uint32      `snap:"6"` // where the results land
	Deadline  int64         `snap:"7"` // engine time, 0 means none
	Attempt   int32         `snap:"8"`
	Inputs    []value.Value `snap:"9"`
}

// ExecutionStateSnapshot is an activation: its frame without the slots.
type ExecutionStateSnapshot struct {
	Exec     uint64            `snap:"1"`
	Func     int32             `snap:"2"`
	Parent   uint64            `snap:"3"` // 0 means none
	CallOp   uint32            `snap:"4"` // op of the parent that called, when Parent is not 0
	Index    int64             `snap:"5"` // iteration of a loop
	Count    int64             `snap:"6"` // iterations of the loop
	Live     int32             `snap:"7"` // ops on the frontier and parked
	Missing  []uint32          `snap:"8"` // per op: arrivals still missing
	Depth    int32             `snap:"9"` // of calls
	Inbound  *CallContext      `snap:"10"`
	Deadline int64             `snap:"11"`
	Failure  *FailureSnapshot  `snap:"12"` // first failure that nobody handled
	Permits  []string          `snap:"13"` // permits that it holds, in order of taking
	Attempts []AttemptSnapshot `snap:"14"` // by op
	Written  int32             `snap:"15"` // outputs written
	More     []FailureSnapshot `snap:"16"` // failures that nobody handled, after the first
}

// AttemptSnapshot counts the tries of an op that stands under a retry policy.
type AttemptSnapshot struct {
	Op    uint32 `snap:"1"`
	Tries int32  `snap:"2"`
}

// FailureSnapshot is a failure as data.
type FailureSnapshot struct {
	Code    string `snap:"1"`
	Where   string `snap:"2"`
	Message string `snap:"3"`
}

// CallContext is the request that an activation answers.
type CallContext struct {
	Peer    string `snap:"1"`
	Epoch   uint64 `snap:"2"` // the asker's epoch when it asked
	Request uint64 `snap:"3"`
	Edge    int32  `snap:"4"` // of the answer
	Replied bool   `snap:"5"`
}

// ParkedSnapshot is an op that waits for something other than a command: a timer, a queue, a permit, a component.
type ParkedSnapshot struct {
	Call   uint64 `snap:"1"` // the order of parking
	Op     uint32 `snap:"2"`
	Exec   uint64 `snap:"3"`
	Reason uint32 `snap:"4"` // engine's park reason
	Label  string `snap:"5"` // name of what it waits for
}

// IngressEventSnapshot is an input that was accepted and not yet processed; it is also the form of an input in the
// journal. Exactly one of the pointers is set. Wake-ups and control are not kept.
type IngressEventSnapshot struct {
	Envelope         *EnvelopeEvent             `snap:"1"`
	AppAck           *AppAckEvent               `snap:"2"`
	Invoke           *InvokeEvent               `snap:"3"`
	Completion       *PendingCompletionSnapshot `snap:"4"`
	CompletionFailed *CompletionFailedEvent     `snap:"5"`
	SendFailed       *SendFailedEvent           `snap:"6"`
	Restarted        *RestartedEvent            `snap:"7"`
	Lifecycle        *LifecycleEvent            `snap:"8"`
	Link             *LinkEvent                 `snap:"9"`
	Control          *ControlEvent              `snap:"10"`
}

// EnvelopeEvent is an envelope from an authenticated peer, in wire form.
type EnvelopeEvent struct {
	From string `snap:"1"`
	Raw  []byte `snap:"2"`
}

// AppAckEvent says that the host has stored all app events up to a number.
type AppAckEvent struct {
	UpTo uint64 `snap:"1"`
}

// InvokeEvent is a call of the host into the program.
type InvokeEvent struct {
	Name   string        `snap:"1"`
	Inputs []value.Value `snap:"2"`
}

// CompletionFailedEvent is a command that a worker could not do.
type CompletionFailedEvent struct {
	Command uint64          `snap:"1"`
	Failure FailureSnapshot `snap:"2"`
}

// SendFailedEvent says that the transport gave up on a peer for now.
type SendFailedEvent struct {
	Peer   string `snap:"1"`
	Reason string `snap:"2"`

	Unreachable bool `snap:"3"` // no address is known, or none answered
}

// LinkEvent says what the transport saw of a peer.
type LinkEvent struct {
	Peer   string `snap:"1"`
	Remote string `snap:"2"` // of a link, where the peer is seen; without one, the address that failed, or empty
	Up     bool   `snap:"3"` // a link is there; without one, the last ended where Remote is empty
	Reason string `snap:"4"`
}

// ControlEvent is a call of the control plane.
type ControlEvent struct {
	ID     uint64 `snap:"1"` // the host's number of the call
	Caller string `snap:"2"` // who calls, a peer that the transport authenticated; empty: the node's own operator
	// block, unblock, allow, disallow, open, close, learn, forget, grant, revoke, admit, remove, replace, leave
	Op      string `snap:"3"`
	Peer    string `snap:"4"` // whom it is about; empty for open, close and leave, and where Place and Number say it
	Address string `snap:"5"` // of learn
	Number  uint64 `snap:"6"` // one more than a member's number; of admit, 0 is the least that is free
	Place   string `snap:"7"` // of a member
	Name    string `snap:"8"` // of admit and replace, for people
	Other   string `snap:"9"` // of replace: the peer that comes in the place of Peer
}

// RestartedEvent is the first input after a restore.
type RestartedEvent struct {
	Incarnation uint64 `snap:"1"`
	NewEpoch    bool   `snap:"2"` // the tail of the journal could not be vouched for
	Rules       uint32 `snap:"3"` // of the release that begins this life; the node goes by them from here on
	Start       uint64 `snap:"4"` // when this life began: microseconds of the host's clock
	Proof       []byte `snap:"5"` // of that, by the node's key; or empty
	First       bool   `snap:"6"` // the node was never there before: it only takes its start
	Takeover    bool   `snap:"7"` // the node runs, and goes on as a later life than one that runs elsewhere

	Limits []LimitSnapshot `snap:"8"` // by which the node goes from here on; none: by those that hold
}

// LifecycleEvent fires a phase of the program.
type LifecycleEvent struct {
	Phase string `snap:"1"`
}

// PendingCompletionSnapshot is a result that arrived and is not yet applied.
type PendingCompletionSnapshot struct {
	Command uint64           `snap:"1"`
	Results []NamedResult    `snap:"2"` // in port order
	Digest  uint64           `snap:"3"` // of the results; set where they are recomputed and not kept
	Failure *FailureSnapshot `snap:"4"` // set when the worker could not do it
}

// NamedResult is one port of a result.
type NamedResult struct {
	Port  string      `snap:"1"`
	Value value.Value `snap:"2"`
}

// TypedBusSnapshot is the in-node bus: who listens to what, and what is queued.
type TypedBusSnapshot struct {
	Subscriptions []BusSubscription `snap:"1"` // by kind
	Queue         []BusEvent        `snap:"2"` // FIFO
}

// BusSubscription names the sites that an event kind starts.
type BusSubscription struct {
	Kind  string   `snap:"1"`
	Sites []uint32 `snap:"2"`
}

// BusEvent is a queued event.
type BusEvent struct {
	Kind  string      `snap:"1"`
	Value value.Value `snap:"2"`
}

// AppEventSnapshot is an event to the host that was not yet acknowledged.
type AppEventSnapshot struct {
	Number uint64      `snap:"1"`
	Name   string      `snap:"2"`
	Value  value.Value `snap:"3"`
}
