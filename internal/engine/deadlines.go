package engine

import (
	"fmt"
	"math"

	"github.com/rhizome-ml/rhizome/internal/dataflow"

	"github.com/rhizome-ml/rhizome/internal/program"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// A deadline is an engine time at each node and a time that remains on the wire (trap mixed-deadline). Each hop hands
// on what is left of it: the least of what the edge allows and what the activation has, less what the way to the peer
// takes as a rule.

// deadlineOf returns the engine time after which what f sends along an edge serves nobody, or 0.
func (e *Engine) deadlineOf(f *dataflow.Frame, edge *program.Edge) int64 {
	until := int64(0)
	if edge.Deadline > 0 {
		until = e.m.Now() + min(edge.Deadline, math.MaxInt64-e.m.Now())
	}
	if !e.rules(1) {
		return until
	}
	for f != nil {
		if f.Deadline > 0 && (until == 0 || f.Deadline < until) {
			until = f.Deadline
		}
		if f.Parent == 0 {
			break
		}
		f = e.m.Frame(f.Parent)
	}
	return until
}

// left returns what an envelope to the peer says of its deadline, and false where it could not be there in time.
func (e *Engine) left(p wire.PeerID, edge *program.Edge, until int64) (int64, bool) {
	if !e.rules(1) || until == 0 {
		return edge.Deadline, true
	}
	rtt := e.st.streams.RTT(p)
	left := until - e.m.Now() - rtt.Budget()
	return left, left > 0
}

// remaining is left for what is sent in any case, such as an envelope whose number must be filled: at least a
// nanosecond, after which its receiver gives up, typed.
func (e *Engine) remaining(p wire.PeerID, until int64) int64 {
	rtt := e.st.streams.RTT(p)
	return max(1, until-e.m.Now()-rtt.Budget())
}

// unmeetable is the failure of a send whose deadline passes on the way.
func (e *Engine) unmeetable(where string, p wire.PeerID) *value.Failure {
	rtt := e.st.streams.RTT(p)
	return value.Fail(value.CodeDeadline, where,
		fmt.Sprintf("what is left of the deadline is less than the %d µs that an exchange with %s takes",
			rtt.Budget()/1000, p))
}

// resend puts an envelope out again; its deadline is what is left of it now.
func (e *Engine) resend(env *wire.Envelope, until int64) {
	if until == 0 {
		e.emit(env)
		return
	}
	again := *env
	again.Deadline = e.remaining(env.To, until)
	e.emit(&again)
}
