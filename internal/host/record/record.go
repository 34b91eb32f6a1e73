package record

import (
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/internal/engine"
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

// Decode reads a record of the journal.
func Decode(reg *value.Registry, lsn uint64, payload []byte) (*Record, error) {
	r := &Record{}
	if err := snapshot.Unmarshal(payload, r, reg, snapshot.DefaultLimits()); err != nil {
		return nil, fmt.Errorf("host: record %d: %w", lsn, err)
	}
	return r, nil
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
