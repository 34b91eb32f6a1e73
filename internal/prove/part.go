package prove

// Part is one promise that is tried many times. Run may be called several times, also after a panic of it.
type Part interface {
	// Name is the word of the command line.
	Name() string
	// Promise is what holds, in a line.
	Promise() string
	// Floors is what must be reached, the first of them what the bar shows.
	Floors() []Floor
	// Run tries one seed after the other until the shard has no more. An error ends the part: it could not be tried.
	Run(s *Shard) error
}

// Preparer is a Part that makes something before its shards run, in the folder that they share. What that takes is not
// of its time.
type Preparer interface {
	Prepare(dir string) error
}

// Weigher is a Part that wants another share of the time than one: where parts share time, it gets so many.
type Weigher interface {
	Weight() int
}

// weights adds up the shares of parts.
func weights(parts []Part) (n int) {
	for _, p := range parts {
		if w, ok := p.(Weigher); ok {
			n += w.Weight()
		} else {
			n++
		}
	}
	return n
}

// NotHereError is what Run or Prepare of a part returns where this machine cannot try it at all, such as for want of a
// right. The part then counts as neither held nor broken, and the summary says so.
type NotHereError struct{ Reason string }

// Error says why.
func (e *NotHereError) Error() string { return "not run here: " + e.Reason }

func prepare(p Part, dir string) error {
	if pre, ok := p.(Preparer); ok {
		return pre.Prepare(dir)
	}
	return nil
}

// Floor is how often something must have been tried or met.
type Floor struct {
	What  string `json:"what"`
	N     uint64 `json:"n"`
	Fault bool   `json:"fault,omitempty"` // a kind of fault: below its floor it is starved
	// where time ends first, what was reached is told and not missed, as long as it is not nothing
	Scales bool `json:"scales,omitempty"`
}

// Failure is a trial that did not hold.
type Failure struct {
	Seed uint64 `json:"seed"`
	Text string `json:"text"`
}

// Counts are what a part has tried and met, by name.
type Counts map[string]uint64

// add adds the counts of another shard.
func (c Counts) add(other Counts) {
	for what, n := range other {
		c[what] += n
	}
}
