package host

import (
	"sync"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Work runs a command like Node.Work. Results that the journal is going to keep, and that are too large for a record,
// are made durable here, so that the thread that steps does not wait for it. It is safe for concurrent use.
func (d *Durable) Work(c engine.Command) ([]value.Value, error) {
	out, err := d.Node.Work(c)
	if err != nil || !d.Node.Recorded(c) {
		return out, err
	}
	results := record.Named(out)
	if !results.Large() {
		return out, nil
	}
	b, failed := d.putBlob(results) // if it fails, Step tries it once more, and an error there stops the host
	sum, unsound := engine.ResultDigest(d.Node.Config().Values, engine.CurrentRules, out)
	if failed == nil && unsound == nil {
		d.made.put(c.ID, madeBlob{b, sum})
	}
	return out, nil
}

// madeBlobs are the blobs that workers made of results which have not come to a record yet, by command. It is safe for
// concurrent use.
type madeBlobs struct {
	mu sync.Mutex
	of map[uint64]madeBlob
}

type madeBlob struct {
	blob   record.ResultBlob
	digest uint64 // of the results
}

func (m *madeBlobs) put(command uint64, b madeBlob) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[uint64]madeBlob{}
	}
	m.of[command] = b
}

// take gives the blob of a command's results, if these have the digest.
func (m *madeBlobs) take(command, digest uint64) (record.ResultBlob, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.of[command]
	delete(m.of, command)
	return b.blob, ok && b.digest == digest
}

// blobOf makes the results of a completion durable and says where: where a worker has done so, the results are not
// looked at again.
func (d *Durable) blobOf(c *snapshot.PendingCompletionSnapshot) (record.ResultBlob, error) {
	if b, ok := d.made.take(c.Command, c.Digest); ok && d.blobs.Hold(b.Digest, d.Journal.Next()) {
		return b, nil
	}
	return d.putBlob(c.Results)
}

// putBlob makes results durable and says where.
func (d *Durable) putBlob(results record.Results) (record.ResultBlob, error) {
	b, err := results.Blob(d.Node.Config().Values)
	if err != nil {
		return record.ResultBlob{}, err
	}
	digest, err := d.blobs.Put(b, d.Journal.Next())
	return record.ResultBlob{Digest: digest, Size: uint64(len(b))}, err
}

// shrink moves the large results of a record's events into blobs.
func (d *Durable) shrink(r *record.Record) error {
	for i := range r.Events {
		c := r.Events[i].Completion
		if c == nil || !record.Results(c.Results).Large() {
			continue
		}
		b, err := d.blobOf(c)
		if err != nil {
			return err
		}
		b.Event = uint32(i)
		r.Blobs = append(r.Blobs, b)
		r.Events[i].Completion = &snapshot.PendingCompletionSnapshot{Command: c.Command, Digest: c.Digest}
		d.bytes += int64(b.Size)
	}
	return nil
}
