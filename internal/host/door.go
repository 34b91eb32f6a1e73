package host

import (
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// What one record can hold is decided before an input touches the node: what would make it too large comes in the next,
// and what alone is too large is refused.
const (
	recordBytes = journal.RecordBytesDefault
	marksMax    = 8 << 20              // of a record's marks, which only help people: what is beyond is left out
	eventsMax   = recordBytes - 16<<20 // of its inputs; the rest is for the marks, and what stands around them
)

// door lets inputs in to one record.
type door struct {
	d     *Durable
	bytes int  // of the record's inputs so far
	full  bool // an input has to wait: those behind it do, too
}

// deliver gives an input to the node if the record has room for it, and returns the form that is journaled.
func (o *door) deliver(ev *engine.Event) (engine.Event, error) {
	for {
		kept, n, err := o.fits(ev)
		if err == nil {
			err = o.d.Node.Deliver(ev)
		}
		if err == nil {
			o.bytes += n
			return kept, nil
		}
		// A result that cannot be kept is a failure of its command: else the op that gave it would wait for ever.
		var no *engine.RefusedError
		if ev.Completion == nil || !errors.As(err, &no) || no.Wait {
			return kept, err
		}
		ev = record.Fail(ev.Completion.Command, value.Fail(codeOf(no), "worker", no.Reason))
	}
}

func codeOf(no *engine.RefusedError) string {
	if no.Code == engine.RefusedTooLarge {
		return value.CodeOverflow
	}
	return value.CodeType
}

// fits returns the journaled form of an input and its size, or why it does not fit.
func (o *door) fits(ev *engine.Event) (kept engine.Event, n int, err error) {
	if o.full {
		return kept, 0, wait()
	}
	kept = record.Journaled(ev, o.d.recorded)
	switch {
	case kept.Envelope != nil:
		n = len(kept.Envelope.Raw) + len(kept.Envelope.From)
	case kept.Completion != nil && record.Results(kept.Completion.Results).Large(): // in a blob
		if n,
			err = record.Results(kept.Completion.Results).BlobSize(o.d.Node.Config().Values); n > journal.BlobBytesMax {
			return kept, 0, tooLarge(ev, n, journal.BlobBytesMax)
		}
		n = 0
	default:
		n, err = snapshot.Check(o.d.Node.Config().Values, &kept, snapshot.DefaultLimits())
	}
	if err != nil {
		return kept, 0, &engine.RefusedError{Code: engine.RefusedFormat, What: record.Kind(ev), Reason: err.Error()}
	}
	n += eventOverhead
	switch {
	case n > eventsMax:
		return kept, 0, tooLarge(ev, n, eventsMax)
	case o.bytes+n > eventsMax:
		o.full = true
		return kept, 0, wait()
	}
	return kept, n, nil
}

// eventOverhead is what stands around an input in a record, generously.
const eventOverhead = 64

func wait() error {
	return &engine.RefusedError{Code: engine.RefusedFull, What: "event",
		Reason: fmt.Sprintf("the record holds %d bytes of inputs at most", eventsMax), Wait: true}
}

func tooLarge(ev *engine.Event, n, most int) error {
	return &engine.RefusedError{Code: engine.RefusedTooLarge, What: record.Kind(ev),
		Reason: fmt.Sprintf("%d bytes, the journal keeps at most %d of one input", n, most)}
}
