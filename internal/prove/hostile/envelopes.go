package hostile

import (
	"errors"
	"fmt"
	"runtime"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

const (
	envelopesPerSeed = 30_000
	batchSize        = 125
	deliverEvery     = 10 // one mutant of so many goes to the live node too
	singleEvery      = 40 // of one batch of so many, each mutant is measured by itself
)

// batch is mutants that wait to be decoded: what making them allocates is not counted.
type batch struct {
	bytes []byte
	ends  [batchSize]int
	from  [batchSize]wire.PeerID
}

func (b *batch) at(i int) []byte {
	lo := 0
	if i > 0 {
		lo = b.ends[i-1]
	}
	return b.bytes[lo:b.ends[i]:b.ends[i]]
}

// envelopes mutates letters of a run: one seed's share.
func envelopes(s *prove.Shard, seed uint64, n int) error {
	c, err := capture()
	if err != nil {
		return err
	}
	v := c.victims[seed%uint64(len(c.victims))]
	live, err := newLive(v)
	if err != nil {
		return err
	}
	d := newDecoding(v, seed%2 == 1)
	m := newMutator(c, seed)
	var b batch
	var made [kinds]uint64
	for k := 0; k < n; k += batchSize {
		b.fill(m, v, &made)
		if err := d.batch(&b, k/batchSize%singleEvery == 0, allowance); err != nil {
			s.Fail("%v", err)
		}
		for i := k % deliverEvery; i < batchSize; i += deliverEvery {
			if err := live.deliver(b.from[i], b.at(i)); err != nil {
				s.Fail("%v\n%x", err, b.at(i))
			}
		}
	}
	if err := live.audit(); err != nil {
		s.Fail("%v", err)
	}
	for k, n := range made {
		s.Add(kindNames[k], n)
	}
	s.Add(floorEnvelopes, uint64(n))
	s.Add("decoded", d.decoded)
	s.Add("decoded in another form than the canonical one", d.foreign)
	s.Add("refused by the decoder", d.refused)
	s.Add("values refused in their place", d.failures)
	s.Add("measured singly", d.singles)
	s.Add("delivered", live.delivered)
	s.Add("accepted by the node", live.delivered-live.refused)
	for code, n := range live.codes {
		s.Add("refused by the node: "+code, n)
	}
	return nil
}

// fill makes a batch. Three of four mutants are of letters to the victim, and most come from whom the letter came from.
func (b *batch) fill(m *mutator, v *victim, made *[kinds]uint64) {
	b.bytes = b.bytes[:0]
	for i := range batchSize {
		l := &m.c.letters[m.rng.IntN(len(m.c.letters))]
		if m.rng.IntN(4) > 0 {
			l = &m.c.letters[v.letters[m.rng.IntN(len(v.letters))]]
		}
		k := kind(m.rng.IntN(int(kinds)))
		made[k]++
		b.bytes = append(b.bytes, m.mutant(l, k)...)
		b.ends[i] = len(b.bytes)
		switch b.from[i] = l.from; {
		case k == kindPeer && m.rng.IntN(2) == 0: // it says who it is
			for _, p := range m.fields {
				if p.num == numFrom {
					b.from[i] = wire.PeerID(p.body)
				}
			}
		case m.rng.IntN(32) == 0:
			b.from[i] = wire.PeerID(m.someone())
		}
	}
}

// decoding decodes mutants as an engine does.
type decoding struct {
	lim                                 wire.Limits
	reg                                 *value.Registry
	known                               [2]wire.PeerID
	decoded, refused, failures, singles uint64
	foreign                             uint64
	before, after                       runtime.MemStats
}

func newDecoding(v *victim, edge bool) *decoding {
	d := &decoding{lim: wire.DefaultLimits(), reg: v.cfg.Values, known: [2]wire.PeerID{v.cfg.Self, v.cfg.Self}}
	if edge {
		d.lim = wire.EdgeLimits()
	}
	return d
}

// allowance is how many times its budget an input may cost.
const allowance = 2

// BudgetError says that decoding took more memory than it may.
type BudgetError struct {
	What             string
	Bytes, Took, May int
}

// Error says how much.
func (e *BudgetError) Error() string {
	return fmt.Sprintf("%s of %d bytes took %d bytes of memory, and may take %d", e.What, e.Bytes, e.Took, e.May)
}

// batch decodes all of a batch and holds the memory that it took against so many times the budget: of all of it, or of
// each.
func (d *decoding) batch(b *batch, singly bool, allowance int) error {
	may := 0
	runtime.ReadMemStats(&d.before)
	for i := range batchSize {
		raw := b.at(i)
		budget := d.lim.Budget(len(raw))
		may += budget
		if err := d.decode(raw); err != nil {
			return fmt.Errorf("%w\n%x", err, raw)
		}
		if singly {
			runtime.ReadMemStats(&d.after)
			if took := int(d.after.TotalAlloc - d.before.TotalAlloc); took > allowance*budget {
				return fmt.Errorf("%w\n%x", &BudgetError{"an envelope", len(raw), took, allowance * budget}, raw)
			}
			d.before = d.after
			d.singles++
		}
	}
	if runtime.ReadMemStats(&d.after); !singly && int(d.after.TotalAlloc-d.before.TotalAlloc) > allowance*may {
		return &BudgetError{"a batch of envelopes", len(b.bytes), int(d.after.TotalAlloc - d.before.TotalAlloc),
			allowance * may}
	}
	return nil
}

// decode decodes one. The error says that it was refused in a way that is not promised.
func (d *decoding) decode(raw []byte) error {
	var e wire.Envelope
	fills, err := wire.DecodeHeaderInto(&e, raw, &d.lim, d.known)
	if err == nil {
		e.Fills, err = fills.DecodeInto(nil, d.reg, &d.lim)
	}
	if err != nil {
		d.refused++
		return typed(err)
	}
	d.decoded++
	if fills.Foreign() {
		d.foreign++
		if own := fills.Canonical(&e); len(own) > len(raw) {
			return fmt.Errorf("an envelope of %d bytes has a canonical form of %d", len(raw), len(own))
		}
	}
	for i := range e.Fills {
		if f := value.Failed(e.Fills[i].Value); f != nil && f.Code == wire.CodeUndecodable {
			d.failures++
		}
	}
	return nil
}

// typed says whether an error is one of those that package wire promises.
func typed(err error) error {
	var f *wire.FormatError
	var l *wire.LimitError
	var v *wire.VersionError
	if errors.As(err, &f) || errors.As(err, &l) || errors.As(err, &v) {
		return nil
	}
	return fmt.Errorf("an envelope was refused by an error without a type: %w", err)
}
