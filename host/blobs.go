package host

import (
	"fmt"
	"sync"

	"github.com/rhizome-ml/rhizome/engine"
	"github.com/rhizome-ml/rhizome/journal"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// blobBytes is the size from which the recorded results of a command go into a blob, and the record names it: what is in a record
// is copied into the journal's buffer and written again for each record, a blob once for each content.
const blobBytes = 64 << 10

// ResultBlob says where the results of a completion are that are too large for its record.
type ResultBlob struct {
	Event  uint32   `snap:"1"` // of the record, by index
	Digest [32]byte `snap:"2"` // SHA-256 of the blob, and its name
	Size   uint64   `snap:"3"`
}

// resultList is what is in a blob.
type resultList struct {
	Results []snapshot.NamedResult `snap:"1"`
}

// large says whether results go into a blob.
func large(results []snapshot.NamedResult) bool {
	n := 0
	for _, r := range results {
		if r.Value != nil {
			n += r.Value.Bytes()
		}
	}
	return n >= blobBytes
}

// Work runs a command like Node.Work. Results that the journal is going to keep, and that are too large for a record, are made durable
// here, so that the thread that steps does not wait for it. It is safe for concurrent use.
func (d *Durable) Work(c engine.Command) ([]value.Value, error) {
	out, err := d.Node.Work(c)
	if err != nil || !d.Node.Recorded(c) {
		return out, err
	}
	results := named(out)
	if !large(results) {
		return out, nil
	}
	b, failed := d.putBlob(results) // if it fails, Step tries it once more, and an error there stops the host
	sum, unsound := engine.ResultDigest(d.Node.Config().Values, engine.CurrentRules, out)
	if failed == nil && unsound == nil {
		d.made.put(c.ID, madeBlob{b, sum})
	}
	return out, nil
}

// madeBlobs are the blobs that workers made of results which have not come to a record yet, by command. It is safe for concurrent use.
type madeBlobs struct {
	mu sync.Mutex
	of map[uint64]madeBlob
}

type madeBlob struct {
	blob   ResultBlob
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
func (m *madeBlobs) take(command, digest uint64) (ResultBlob, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.of[command]
	delete(m.of, command)
	return b.blob, ok && b.digest == digest
}

// blobOf makes the results of a completion durable and says where: where a worker has done so, the results are not looked at again.
func (d *Durable) blobOf(c *snapshot.PendingCompletionSnapshot) (ResultBlob, error) {
	if b, ok := d.made.take(c.Command, c.Digest); ok && d.blobs.Hold(b.Digest, d.Journal.Next()) {
		return b, nil
	}
	return d.putBlob(c.Results)
}

// putBlob makes results durable and says where.
func (d *Durable) putBlob(results []snapshot.NamedResult) (ResultBlob, error) {
	b, err := snapshot.Marshal(d.Node.Config().Values, &resultList{results})
	if err != nil {
		return ResultBlob{}, err
	}
	digest, err := d.blobs.Put(b, d.Journal.Next())
	return ResultBlob{Digest: digest, Size: uint64(len(b))}, err
}

// shrink moves the large results of a record's events into blobs.
func (d *Durable) shrink(r *Record) error {
	for i := range r.Events {
		c := r.Events[i].Completion
		if c == nil || !large(c.Results) {
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

// fetch puts the results that are in blobs back into the events of a record.
func (r *Record) fetch(blobs *journal.Blobs, reg *value.Registry, lsn uint64) error {
	for _, b := range r.Blobs {
		if int(b.Event) >= len(r.Events) || r.Events[b.Event].Completion == nil || len(r.Events[b.Event].Completion.Results) > 0 {
			return fmt.Errorf("host: record %d: event %d is no completion that lacks its results; there are %d events", lsn, b.Event, len(r.Events))
		}
		raw, err := blobs.Get(b.Digest, b.Size, lsn)
		if err != nil {
			return err
		}
		var list resultList
		if err := snapshot.Unmarshal(raw, &list, reg, snapshot.DefaultLimits()); err != nil {
			return fmt.Errorf("host: record %d: %w", lsn, err)
		}
		r.Events[b.Event].Completion.Results = list.Results
	}
	return nil
}
