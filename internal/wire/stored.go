package wire

import (
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Stored returns an envelope as a part of a snapshot: what Append gives, encoded when the snapshot is. Nobody may
// change the envelope any more. Errors of the encoding are *EncodeError.
func Stored(e *Envelope) snapshot.Embedded { return snapshot.Formed(stored{e}) }

type stored struct{ e *Envelope }

// Emit writes the wire form; large values stay by reference where the pen can.
func (s stored) Emit(p *snapshot.Pen) error {
	if err := check(s.e); err != nil {
		return err
	}
	p.Append(func(b []byte) []byte { return appendHeader(b, s.e) })
	for i := range s.e.Fills {
		f := &s.e.Fills[i]
		payload, whole, err := fillSize(p.Registry(), f)
		if err != nil {
			return fillError(i, err)
		}
		p.Append(func(b []byte) []byte { return appendFillHead(appendLen(b, numFills, whole), f, payload) })
		if payload == 0 {
			continue
		}
		if err := p.Payload(f.Value); err != nil {
			return fillError(i, err)
		}
	}
	return nil
}
