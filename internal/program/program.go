package program

import (
	"slices"

	"github.com/rhizome-ml/rhizome/codec"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
	"github.com/rhizome-ml/rhizome/value"
)

// SiteID names a slot of a function in the whole artifact: where a value lands. It is the address suffix on the wire.
type SiteID uint32

// OpRef names an op in the whole artifact.
type OpRef uint32

// FuncID is the index of a function in Program.Funcs.
type FuncID int32

// EdgeID is the index of an edge in Program.Edges; it is the same at every place.
type EdgeID int32

// Slot is the index of a value in the frame of a function. None marks an optional port that is not connected.
type Slot int32

// None is the absent slot, function or edge.
const None = -1

// Program is one place's part of an artifact.
type Program struct {
	Digest     [32]byte    // of the whole artifact, over everything that matters
	Place      string      // the place that this part plays
	Funcs      []Func      // of this place only; SiteBase and OpBase are global
	Edges      []Edge      // of the whole artifact
	Components []Component // of the whole artifact; a node builds those of its place
	Bootstrap  FuncID      // runs once before anything else, or None
	Main       FuncID      // starts when the bootstrap is done, or None

	// Filled by Link.
	places []string            // all, sorted
	recv   []FuncID            // by edge
	subs   map[string][]FuncID // by kind of event
	phases map[string][]FuncID // by phase of the lifecycle
}

// Kind says what starts an activation of a function.
type Kind uint8

// The kinds of function.
const (
	KindBody      Kind = iota // called by an op of another function: Call, If, Loop
	KindBootstrap             // once, first
	KindMain                  // once, after the bootstrap
	KindRecv                  // each envelope of Edge; inputs: the edge's values, then sender and context
	KindInterval              // each tick of Period; inputs: the number of the tick
	KindEvent                 // each event of kind Label on the bus; inputs: the event's value
	KindLifecycle             // each time the phase Label is fired; inputs: a trigger
	KindInvoke                // each call of Label by the host; inputs: the call's values
)

// Func is a graph of ops that is activated as a whole; each activation has its own frame.
type Func struct {
	ID       FuncID
	Name     string
	Kind     Kind
	Label    string       // event kind, lifecycle phase or invoke name
	Edge     EdgeID       // of KindRecv, else None
	Period   int64        // of KindInterval, nanoseconds
	Spread   bool         // of KindInterval: each node draws when within the first period it begins
	SiteBase SiteID       // the global id of slot 0
	OpBase   OpRef        // the global id of op 0
	Slots    int32        // how many slots a frame has
	Inputs   int32        // slots 0 to Inputs-1 are filled when the activation starts
	Outputs  []Slot       // the results of a body
	Types    []types.Type // of KindInvoke: of its inputs; nil where nothing is known of them
	Ops      []Op
	Sources  []int32  // ops without inputs: they fire when the activation starts
	UseStart []int32  // slot s is read by Uses[UseStart[s]:UseStart[s+1]]
	Uses     []Use    // readers by slot, in op order
	Need     []uint16 // per op: how many arrivals make it ready
}

// Use is one reader of a slot.
type Use struct {
	Op    int32 // index of the op in its function
	Input int32 // which of its inputs
}

// Code says what the engine does for an op.
type Code uint8

// The codes of the ops that the engine knows; each stands for one op of the catalogue.
const (
	OpPassThrough Code = iota + 1 // in: value; out: value
	OpTee                         // in: value; out: the value, len(Out) times
	OpConstant                    // out: Value
	OpGate                        // in: value, trigger; out: value
	OpSleep                       // in: value; out: the value, Delay ns later
	OpThreshold                   // in: values; fires after N sound arrivals; out: trigger
	OpAny                         // in: values; out: the first sound arrival
	OpAnyOnce                     // in: value, key; out: value, only for the first of each key (latch Label)
	OpLimit                       // in: trigger; out: permit when one of N of Label is free
	OpRelease                     // in: permit; out: trigger
	OpQueuePut                    // in: value; out: trigger; waits while queue Label holds N
	OpQueueTake                   // in: trigger; out: value; waits while queue Label is empty
	OpHoldPut                     // in: value; out: trigger
	OpHoldTake                    // in: trigger; out: value; waits while nothing is held
	OpIf                          // in: condition, values…; calls Body or Else; out: its results
	OpLoop                        // in: count, carried…; calls Body(i, carried…); out: carried
	OpCall                        // in: values…; calls Body; out: its results
	OpClock                       // in: trigger; out: Int, engine time in ns
	OpRandom                      // in: trigger; out: Int, 64 random bits
	OpCorrelate                   // in: trigger; out: String, a fresh idempotency key
	OpDeadline                    // in: value, armed by the activation's start; out: value or expired after Delay
	OpBundle                      // in: values…; out: List
	OpUnbundle                    // in: List; out: its items
	OpAppEmit                     // in: value; out: trigger; event Label to the host
	OpPublish                     // in: value; out: trigger; event Label on the bus
	OpCount                       // in: trigger; counter Label
	OpRecord                      // in: value; ring Label
	OpFail                        // in: value; fails with code Label
	OpSend                        // in: peers, values…; out: trigger; along Edge
	OpRequest                     // in: peers, context, values…; out: trigger; along Edge, answered along Edge.Reply
	OpReply                       // in: values…; out: trigger; answers the request that started the activation
	OpPeerInsert                  // in: peer, address; out: trigger
	OpPeerDrop                    // in: peer; out: trigger
	OpPeerLookup                  // in: peer; out: List of addresses
	OpPeerBlock                   // in: peer; out: trigger
	OpPeerUnblock                 // in: peer; out: trigger
	OpPeerAllow                   // in: peer; out: trigger
	OpPeerHealth                  // in: peer; out: Bool, true while the peer is not down
	OpComponent                   // in, out: as Method of Component says
	OpCatch                       // in: value; out: value where it is sound, else a List of code, place and message
	OpEncode                      // in: value; out: what Codec makes of it
	OpDecode                      // in: what Codec made of a value; out: the value
)

// Op is one op of a function, fully resolved.
type Op struct {
	Code  Code
	Name  string // how people know it: the author's name or the catalogue's
	Line  string // file:line of the author's source
	In    []Slot // None where an optional port is not connected
	Out   []Slot // never None: every output has a slot
	Retry Retry

	Label     string      // name of the counter, queue, latch, event, …
	N         int64       // count or capacity
	Delay     int64       // nanoseconds
	Value     value.Value // of OpConstant
	Codec     codec.Codec // of OpEncode and OpDecode: the one of name Label and version N
	Body      FuncID      // of OpIf, OpLoop, OpCall
	Else      FuncID      // of OpIf
	Edge      EdgeID      // of OpSend, OpRequest; of OpReply the edge that the answer takes
	Component int32       // of OpComponent: index in Program.Components
	Method    string      // of OpComponent

	// Of OpComponent: what inputs and outputs are held against, nil in the place of one that takes all, and nil where
	// all do or nothing is declared.
	Takes, Gives []*op.Port
}

// Counting says whether the op becomes ready by a count of sound arrivals and not by all of its inputs.
func (o *Op) Counting() bool { return o.Code == OpThreshold || o.Code == OpAny }

// Retry is what happens when an op fails: it is tried again up to Attempts times in all, Backoff·2^n ns apart.
type Retry struct {
	Attempts int32 // 0 and 1 mean once
	Backoff  int64 // nanoseconds before the second attempt
}

// Edge is one crossing from a place to another, cut at a Send, Request or Reply.
type Edge struct {
	ID       EdgeID
	Name     string
	From, To string   // places
	Sites    []SiteID // where the values land, in order
	Trigger  []bool   // per value: only that it came matters, no payload is sent
	Deadline int64    // nanoseconds from the send to the end of what it starts; 0 means none
	Reply    EdgeID   // of a request: the edge of its answer; else None
	Answer   bool     // this edge is the answer of a request
	Best     bool     // best effort: not numbered, not resent; else applied once
	Chunk    int64    // bytes above which a value is lent, and of which its chunks are; 0: as the engine sees fit
	Latest   bool     // of a request: a newer question to a peer withdraws those that it has not answered
}

// Component is one named slot that a component is bound to.
type Component struct {
	Name    string   // unique in the artifact
	Role    string   // backend, model, aggregator, codec, data, selector, index, protocol
	Kind    string   // registered name, such as "fedavg"
	Version int32    // registered version
	Config  []byte   // canonical JSON, part of the digest
	Places  []string // where it lives
	Deps    []string // slots that it uses, of the same place
}

// Places returns the places that the program names: its own, those of edges and those of components, sorted.
func (p *Program) Places() []string { return p.places }

func (p *Program) allPlaces() []string {
	places := []string{p.Place}
	for i := range p.Edges {
		places = append(places, p.Edges[i].From, p.Edges[i].To)
	}
	for i := range p.Components {
		places = append(places, p.Components[i].Places...)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// At says whether the component lives at the place.
func (c *Component) At(place string) bool {
	for _, p := range c.Places {
		if p == place {
			return true
		}
	}
	return false
}

// FuncOfOp returns the function and index that an op ref names, and whether this part has it.
func (p *Program) FuncOfOp(r OpRef) (FuncID, int32, bool) {
	for i := range p.Funcs {
		f := &p.Funcs[i]
		if r >= f.OpBase && r < f.OpBase+OpRef(len(f.Ops)) {
			return f.ID, int32(r - f.OpBase), true
		}
	}
	return None, None, false
}

// RecvOf returns the function that an edge's envelopes start here, or None.
func (p *Program) RecvOf(e EdgeID) FuncID {
	if e < 0 || int(e) >= len(p.recv) {
		return None
	}
	return p.recv[e]
}

// Subscriptions returns the functions that events of each kind start, in order; the map must not be changed.
func (p *Program) Subscriptions() map[string][]FuncID { return p.subs }

// OnPhase returns the functions that a phase of the lifecycle starts, in order; the slice must not be changed.
func (p *Program) OnPhase(phase string) []FuncID { return p.phases[phase] }

// ComponentOf returns the index of the named component slot, or None.
func (p *Program) ComponentOf(name string) int32 {
	for i := range p.Components {
		if p.Components[i].Name == name {
			return int32(i)
		}
	}
	return None
}
