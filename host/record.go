package host

import (
	"strconv"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Record is what one Step feeds to the node, and a hash of what came out: the unit of the journal.
type Record struct {
	Now    int64          `snap:"1"` // engine time of the Poll
	Wall   int64          `snap:"2"` // the host's clock, ns since 1970: tells how long the node was down
	Events []engine.Event `snap:"3"` // accepted inputs, in order
	Digest uint64         `snap:"4"` // of the outputs of the Poll
	Marks  []byte         `snap:"5"` // of the same, to tell what differs where the digest does; see marks.go
	Blobs  []ResultBlob   `snap:"6"` // results that are beside the journal, ascending by event
	Rules  uint32         `snap:"7"` // in the first record of a node: the engine's rules that it begins with

	Limits []snapshot.LimitSnapshot `snap:"8"` // likewise: the engine's limits
}

// kinds names the inputs of a record for people.
func (r *Record) kinds() string {
	if len(r.Events) == 0 {
		return "clock"
	}
	s := ""
	for i := range r.Events {
		if i > 0 {
			s += ", "
		}
		s += Kind(&r.Events[i])
	}
	return s
}

// Kind names what an input is.
func Kind(ev *engine.Event) string {
	switch {
	case ev.Envelope != nil:
		return "envelope from " + ev.Envelope.From
	case ev.AppAck != nil:
		return "acknowledgement of the host"
	case ev.Invoke != nil:
		return "invoke " + ev.Invoke.Name
	case ev.Completion != nil:
		return "completion of command " + strconv.FormatUint(ev.Completion.Command, 10)
	case ev.CompletionFailed != nil:
		return "failure of command " + strconv.FormatUint(ev.CompletionFailed.Command, 10)
	case ev.SendFailed != nil:
		return "failed send to " + ev.SendFailed.Peer
	case ev.Restarted != nil:
		return "restart"
	case ev.Link != nil && ev.Link.Up:
		return "link with " + ev.Link.Peer
	case ev.Link != nil:
		return "end of a link with " + ev.Link.Peer
	case ev.Control != nil:
		return "control " + ev.Control.Op
	case ev.Lifecycle != nil:
		return "phase " + ev.Lifecycle.Phase
	}
	return "nothing"
}

// Finish turns what a worker returned into the input that completes its command, with the digest of the results.
func Finish(reg *value.Registry, command uint64, out []value.Value, err error) engine.Event {
	return finish(reg, engine.CurrentRules, command, out, err)
}

// finish is Finish with the digest by earlier rules.
func finish(reg *value.Registry, rules uint32, command uint64, out []value.Value, err error) engine.Event {
	for i := 0; err == nil && i < len(out); i++ {
		if err = engine.Storable(reg, out[i]); rules < 3 && err != nil && out[i] != nil {
			err = reg.Check(out[i], snapshot.DefaultLimits().Values) // of peers, earlier releases took more
		}
	}
	c := &snapshot.PendingCompletionSnapshot{Command: command}
	if err == nil {
		c.Digest, err = engine.ResultDigest(reg, rules, out)
	}
	if err != nil {
		return *failed(command, value.AsFailure(err, "worker"))
	}
	c.Results = named(out)
	return engine.Event{Completion: c}
}

// failed is the input that ends a command without results, whatever its worker says of that.
func failed(command uint64, why *value.Failure) *engine.Event {
	f := why.Clean()
	return &engine.Event{CompletionFailed: &snapshot.CompletionFailedEvent{
		Command: command, Failure: snapshot.FailureSnapshot{Code: f.Code, Where: f.Where, Message: f.Message},
	}}
}

// named gives results the names of their ports.
func named(out []value.Value) (results []snapshot.NamedResult) {
	for i, v := range out {
		results = append(results, snapshot.NamedResult{Port: "out" + strconv.Itoa(i), Value: v})
	}
	return results
}

// journaled returns the form of an input that the journal keeps: results that are recomputed on replay are left out,
// their digest stays.
func journaled(ev *engine.Event, recorded func(command uint64) bool) engine.Event {
	if ev.Completion == nil || recorded(ev.Completion.Command) {
		return *ev
	}
	return engine.Event{Completion: &snapshot.PendingCompletionSnapshot{Command: ev.Completion.Command, Digest: ev.Completion.Digest}}
}
