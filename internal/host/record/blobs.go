package record

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// blobBytes is the size from which the recorded results of a command go into a blob, and the record names it: what is
// in a record is copied into the journal's buffer and written again for each record, a blob once for each content.
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

// Results are what a command gave.
type Results []snapshot.NamedResult

// Large says whether results go into a blob.
func (rs Results) Large() bool {
	n := 0
	for _, r := range rs {
		if r.Value != nil {
			n += r.Value.Bytes()
		}
	}
	return n >= blobBytes
}

// Blob encodes results as they are in a blob.
func (rs Results) Blob(reg *value.Registry) ([]byte, error) {
	return snapshot.Marshal(reg, &resultList{rs})
}

// BlobSize returns the size of the blob of results, or why they cannot be kept.
func (rs Results) BlobSize(reg *value.Registry) (int, error) {
	return snapshot.Check(reg, &resultList{rs}, snapshot.DefaultLimits())
}

// fetch puts the results that are in blobs back into the events of a record.
func (r *Record) fetch(blobs *journal.Blobs, reg *value.Registry, lsn uint64) error {
	for _, b := range r.Blobs {
		if int(b.Event) >= len(r.Events) || r.Events[b.Event].Completion == nil ||
			len(r.Events[b.Event].Completion.Results) > 0 {
			return fmt.Errorf("host: record %d: event %d is no completion that lacks its results; there are %d events",
				lsn, b.Event, len(r.Events))
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
