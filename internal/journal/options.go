package journal

import "fmt"

// RecordBytesDefault is the largest payload of a record where Options.RecordBytesMax does not say another.
const RecordBytesDefault = 64 << 20

const (
	defaultSegmentBytes = 4 << 20
	segmentBytesMin     = 4 << 10
	recordBytesLimit    = 1 << 30
	segmentBytesLimit   = recordBytesLimit + 1<<20 // of any file that is believed
)

// Options of a Journal; the zero value is the default.
type Options struct {
	// SegmentBytes is the size of a segment file. A new one is written at its creation, all of it; the files of up to
	// 16 that were released are used again. Larger files are made less often and released later. 0 is 4 MiB; at least 4
	// KiB. For a record that would not fit in one, a larger one is made.
	SegmentBytes int
	// RecordBytesMax is the largest payload that Append takes. 0 is 64 MiB; at most 1 GiB.
	RecordBytesMax int
	// From is the record that the caller will replay from: the number of its snapshot, or 0 for none (the first record
	// is 1). Open refuses a journal that begins after it, and begins anew with it where the journal ends before it.
	From uint64
	// Salt goes into every checksum of new segments. If strangers can choose what payloads hold, give a number that
	// they cannot guess, so that no payload can hold what looks like a record after a crash. It is no secret to the
	// owner of the disk.
	Salt uint64
	// BeforeChange, if not nil, is called before Open changes anything, with what reads the records that will be there,
	// as Journal.Read does; not where the journal begins anew. If it returns an error, so does Open, and nothing is
	// changed.
	BeforeChange func(read func(from uint64, fn func(lsn uint64, payload []byte) error) error) error
	// BeforeRepair, if not nil, is called before Open cuts or restarts a journal, with the report that Open will
	// return. What the caller concludes from it, it makes durable there: after the repair no later Open can see what it
	// saw. If it returns an error, so does Open, and nothing is changed.
	BeforeRepair func(*Report) error
}

func (o Options) withDefaults() (Options, error) {
	if o.SegmentBytes == 0 {
		o.SegmentBytes = defaultSegmentBytes
	}
	if o.RecordBytesMax == 0 {
		o.RecordBytesMax = RecordBytesDefault
	}
	if o.SegmentBytes < segmentBytesMin || o.SegmentBytes > recordBytesLimit {
		return o, &OptionError{"SegmentBytes", int64(o.SegmentBytes), segmentBytesMin, recordBytesLimit}
	}
	if o.RecordBytesMax < 0 || o.RecordBytesMax > recordBytesLimit {
		return o, &OptionError{"RecordBytesMax", int64(o.RecordBytesMax), 0, recordBytesLimit}
	}
	if o.From >= lsnLimit {
		return o, &OptionError{"From", int64(min(o.From, 1<<63-1)), 0, lsnLimit - 1}
	}
	return o, nil
}

// OptionError says that an option cannot be.
type OptionError struct {
	Option           string
	Got, Least, Most int64
}

// Error names the option and its bounds.
func (e *OptionError) Error() string {
	return fmt.Sprintf("journal: %s is %d; it must be between %d and %d, or 0 for the default", e.Option, e.Got,
		e.Least, e.Most)
}

// Position is a place in the journal.
type Position struct {
	Segment string // name of the file
	Offset  int64  // in the file
	Record  uint64 // number of the record that would begin there
}

// Report says what Open, or Scan, found.
type Report struct {
	First, Next uint64   // the records First to Next-1 are there
	Segments    int      // files
	TornBytes   int64    // bytes behind the last whole record that were not zero
	TornAt      Position // where they begin; set also when the last file is short
	Dropped     int      // records of which the heads could be read behind the torn one: they were never durable
	// a file is shorter than its header says, or too short for a header: durable records may be missing
	Short     bool
	Restarted bool // the journal ended before Options.From, or was not there, and begins anew at From
}

// Intact says that the files give no reason to doubt that every record that was ever durable is there. Torn bytes are
// none: they were never synced. If it is false, the caller must not present itself to others as the one it was.
func (r *Report) Intact() bool { return !r.Short && !r.Restarted }

func (r *Report) repairs() bool { return r.TornBytes > 0 || r.Short || r.Restarted }
