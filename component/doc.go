// Package component is the contract of what an author adds to a node: a component plays a role in a slot of a
// choreography, has methods that the program invokes, and keeps all that changes in one plain struct, so that a
// snapshot of the node is complete.
//
// A component is written against Component and, where it needs more, against the small interfaces beside it: the node
// looks which of them it has. It is thread-unsafe, for the node calls it from one thread, one call at a time; Work
// alone runs beside, and reads nothing that changes. It has no clock, no goroutine and no random numbers of its own:
// time, chance and peers come from the Context, so that the same inputs give the same state on every machine. Package
// componenttest holds an implementation against all of that.
//
// A choreography names it: a graph.Component with its Role, Kind, settings (Config) and Methods declares the slot, and
// Graph.Invoke calls a method. A node makes it: a Kind of the same role and name stands in rhizome.Config.Components or
// Job.Components.
//
//	type sum struct{ state struct { Of int64 `snap:"1"` } }
//
//	func (s *sum) State() any      { return &s.state }
//	func (s *sum) Restored() error { return nil }
//	func (s *sum) Invoke(ctx *component.Context, method string, in []value.Value) ([]value.Value, error) {
//		s.state.Of += int64(in[0].(value.Int)) // its port is types.Int()
//		return []value.Value{value.Int(s.state.Of)}, nil
//	}
//
// What follows is every method of the types of this package.
//
// # Component
//
//	Invoke(ctx *Context, method string, in []value.Value) ([]value.Value, error)
//
// runs one op: the named method with the values of its ports, in order. It returns
//
//   - the outputs, one for each port, in order;
//   - or an error, of which the op fails: a *value.Failure keeps its code and place, any other error has CodeError;
//   - or (nil, nil) after it called ctx.Park or ctx.Command: then the op waits, and its outputs come later. The method
//     is declared Deferred (graph.Method) in that case.
//
// The node holds the inputs and the outputs against the types of the method's ports (graph.Method), and fails the op
// with CodeType where one does not fit: what a port declares need not be asked again. The types of ports say no more of
// a list or tensor than was declared. The slice in is good during the call only, as is ctx; the values in it stay, and
// are immutable. What a call that fails has changed in the state stays changed: check first, then change.
//
//	State() any
//
// returns a pointer to the plain struct that holds everything that changes, the same each time. Every field of it has a
// tag `snap:"N"` with a number of its own, for ever (package snapshot says which types there may be). A component that
// keeps nothing returns a pointer to an empty struct.
//
//	Restored() error
//
// is called after State's struct was decoded from a snapshot: it builds again what is derived from the state, and
// checks it. An error refuses the whole restore.
//
// # Starter
//
//	Start(ctx *Context) error
//
// is called once in the life of a node, before its program begins, and never after a restore: to arm the first timer,
// or say the first word. An error is a failure of the program.
//
// # Alarmed
//
//	Alarm(ctx *Context, token uint64) error
//
// is called when a timer that ctx.Arm armed is due. A timer survives a restart, and rings once. An error is counted and
// traced.
//
// # Messaged
//
//	Message(ctx *Context, from rhizome.PeerID, op string, in []value.Value) error
//
// takes one message of the same slot of a peer, which sent it with ctx.Send (once each) or ctx.SendBest. The peer was
// authenticated and admitted; what it says was not checked: in may have any number of values of any type. An error is
// counted and traced, and counts against nobody but the message.
//
// # Worker
//
//	Work(method string, in []value.Value) ([]value.Value, error)
//
// computes the results of a command (ctx.Command) beside the node. It is safe for concurrent use, reads nothing but its
// arguments and what never changes, and gives the same bits each time: after a crash the same command runs again.
//
//	Recorded(method string) bool
//
// says whether the results of the method are kept in the journal (true), or computed again when it is replayed and held
// against their digest (false), because they are large and cheap to make again. Results of work that asks something
// outside of the process, such as a sensor, must be recorded.
//
// # Completer
//
//	Complete(ctx *Context, method string, results []value.Value) ([]value.Value, error)
//
// makes of the results of a command the outputs of the op that gave it; this is where the state changes. Without it,
// the results are the outputs.
//
// # PeerWatcher
//
//	PeerChanged(ctx *Context, peer rhizome.PeerID, up bool)
//
// is called after a peer was heard for the first time or again, or opened a new epoch (up), or failed so often that it
// counts as down (not up).
//
// # MemberWatcher
//
//	MemberChanged(ctx *Context, peer rhizome.PeerID, place string, member bool)
//
// is called after a peer has become a member of a place, or is none any more.
//
// # MemberReplacer
//
//	MemberReplaced(ctx *Context, old rhizome.PeerID, peer rhizome.PeerID, place string)
//
// is called when a peer has come in the place of a member, with its number: the questions to the one are asked of the
// other. A MemberWatcher is told of both as well, afterwards.
//
// # Context
//
// Context is what a component has of its node, and good only during the call that it came with. Who and when:
//
//	Now() int64                                     // engine time in nanoseconds; it never goes back
//	Self() rhizome.PeerID                           // this node
//	Place() string                                  // that this node plays
//	Seed() uint64                                   // of the job: the same on all its nodes
//	Random() uint64                                 // of the node's own source: for jitter, not for samples
//	Peers(place string) []rhizome.PeerID            // known from the start, and members; sorted
//	Plays(p rhizome.PeerID, place string) bool      // one of Peers, or anyone may play the place
//	Admitted(p rhizome.PeerID) bool                 // the node lets the peer talk to it
//	Down(p rhizome.PeerID) bool                     // the peer failed so often in a row that it counts as down
//	Addresses(p rhizome.PeerID) []string            // where a peer, or this node, can be reached; the best first
//	Learn(p rhizome.PeerID, addresses []string)     // hearsay: counts while nothing better is known
//
// Other components of the node, and what the op returns:
//
//	Dep(slot string) Component                      // in that slot of this node, or nil; name it in graph.Component.Deps
//	As(slot string) *Context                        // to call it with: timers and counters are its own; it does not park
//	Outputs(v ...value.Value) []value.Value         // a slice for Invoke to return, once, without allocating
//
// Ops that wait. Park and Command are called in Invoke, one of them, once, and Invoke returns (nil, nil). A CallID may
// be kept in the state: it is good after a restart, and is never used again:
//
//	Park() CallID                                   // the op waits for Resolve or Reject, in any later call
//	Resolve(id CallID, out ...value.Value)          // gives a parked op its outputs; one that has ended is counted only
//	Reject(id CallID, why *value.Failure)           // fails a parked op
//	Command(method string, in []value.Value)        // Worker.Work runs beside the node, and the op waits for it
//
// Timers, which are in the snapshot. A token is the component's own number; one that was armed twice rings twice:
//
//	Arm(delay int64, token uint64) bool             // Alarm comes after so many nanoseconds; false: too many are armed
//	Disarm(token uint64) bool                       // takes all of the token back; says whether there was one
//
// Words to others. Each fails, as a *value.Failure, when what is to take it is full, and has done nothing then:
//
//	Send(to rhizome.PeerID, op string, in ...value.Value) error     // a Message to the same slot of a peer, applied once
//	SendBest(to rhizome.PeerID, op string, in ...value.Value)       // one that may be lost
//	Publish(kind string, v value.Value) error                       // an event on the node's bus: Graph.Event
//	AppEvent(name string, v value.Value) error                      // an event for the host, as by Graph.AppEmit
//	Count(name string)                                              // adds one to the counter SLOT.NAME
//
// Questions and large values:
//
//	Withdraw(edge string, match func(context value.Value) bool) int // takes back open questions of an edge: how many
//	Borrow(l *value.Loan) *value.Failure                            // keeps a loan, an input of Invoke, for the component
//	Fetch(l *value.Loan, chunk int) bool                            // asks for a chunk of it; false: the loan is over
//	Return(l *value.Loan)                                           // gives it back
//
// A value that is too large for one message is lent, and whole when Invoke gets it. A component that would rather have
// it in chunks has three methods more:
//
//	Borrows(method string, i int) bool                              // input i of the method may come as a *value.Loan
//	Lent(ctx *Context, l *value.Loan, chunk int, v value.Value)     // a chunk that was fetched: a vector
//	Gone(ctx *Context, l *value.Loan, why *value.Failure)           // no more chunks can come
//
// # Env
//
// Env is what Kind.New is given. None of it changes in the life of the node:
//
//	Slot     string            // the name that the component is bound to
//	Place    string            // that the node plays
//	Self     rhizome.PeerID    // of the node
//	Seed     uint64            // of the job: derive a stream for each purpose from it
//	Config   []byte            // JSON of graph.Component.Config: the same on every node of the place
//	Options  []byte            // JSON of this node for the slot (rhizome.Config.Options); may be empty
//	Data     []byte            // rhizome.Config.Data of the slot; read-only, and kept nowhere: Options must vouch for it
//	Files    map[string]Given  // files and folders that the host gives to the slot, by name; as Data
//	Artifact *onnx.ModelProto  // the program, to find functions by name; read-only
//	Values   *value.Registry   // the types of values that the node knows
//
// A type of values of one's own is registered in Kind.New, with Env.Values.Register, by every kind that uses it, at
// every place where values of it arrive: the registry is the node's, and a node makes its components before it decodes
// anything. To register a type twice is an error, and a restore makes the components of a node again, so ask first:
//
//	if !env.Values.Known("acme.Sketch/2") {
//		err = env.Values.Register("acme.Sketch/2", value.Codec{Append: …, Decode: …})
//	}
//
// # Given
//
// Given is a file or folder of Env.Files, which the host has read once and vouches for:
//
//	FS     fs.FS   // that it is in
//	Name   string  // in FS
//	SHA256 string  // of all that is in it, in hex
//
// # Kind
//
// Kind is an implementation of a role under a name. New makes the component of one slot of one node, from its Env
// alone; it refuses settings that cannot be, and starts nothing: a restore calls it as well. Version is that of the
// state's fields and of the settings: a program names it (graph.Component.Version), and a node that has another one
// refuses the program.
package component
