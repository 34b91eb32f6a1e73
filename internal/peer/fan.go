package peer

import (
	"encoding/binary"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// What one send has for several peers is in memory once, and so it counts once against the bytes of the outbox: as long
// as one of its envelopes is there. Against the part of each peer it counts in full.

// RoomForFan is RoomFor where the envelopes share their values.
func (s *Streams) RoomForFan(to []wire.PeerID, bytes int) (now, ever bool) {
	return s.roomFor(to, bytes, min(1, len(to)))
}

// PushFan is PushUntil for one of several envelopes that share their values, those with the same number, or 0 for one
// by itself. Until all are acknowledged, no other send has that number.
func (s *Streams) PushFan(env *wire.Envelope, number uint64, deadline int64, held bool, now int64,
	rand func() uint64) error {
	charge := Charge(env)
	switch {
	case s.count >= reserve(s.lim.Envelopes):
		return &FullError{"outbox envelopes", s.lim.Envelopes}
	case s.extra(number, charge) > reserve(s.lim.Bytes)-s.bytes:
		return &FullError{"outbox bytes", s.lim.Bytes}
	}
	t, err := s.of(env.To)
	if err != nil {
		return err
	}
	if s.timed && len(t.out) >= reserve(s.lim.PeerEnvelopes) {
		return &FullError{"outbox envelopes of one peer", s.lim.PeerEnvelopes}
	}
	if s.timed && charge > reserve(s.lim.PeerBytes)-t.bytes {
		return &FullError{"outbox bytes of one peer", s.lim.PeerBytes}
	}
	if s.lives && s.start != 0 && t.next == 1 && t.recvEpoch == 0 {
		t.more().greets = true // a life that is lost may have met it
	}
	env.Epoch, env.Number = s.epoch, t.next
	env.AckEpoch, env.Ack, env.Base = 0, 0, 0
	t.next++
	x := sending{env: env, fan: number}
	if s.timed {
		if x.deadline, x.sent = deadline, unsent; !held {
			x.sent = max(1, now)
			t.await(now)
		}
	}
	t.out = append(t.out, x)
	s.count++
	s.charge(t, &x)
	if t.resendAt == 0 {
		s.schedule(t, now, s.resendWait(t, rand))
	}
	return nil
}

// extra returns what one more envelope adds to the charge of all.
func (s *Streams) extra(number uint64, charge int) int {
	if s.fans[number].envelopes > 0 {
		return 0
	}
	return charge
}

// charge counts an envelope of a stream.
func (s *Streams) charge(t *stream, x *sending) {
	n := Charge(x.env)
	t.bytes += n
	s.bytes += s.extra(x.fan, n)
	if x.fan != 0 {
		put(&s.fans, x.fan, fan{s.fans[x.fan].envelopes + 1, n})
	}
}

// release takes back what charge counted.
func (s *Streams) release(t *stream, x *sending) {
	n := Charge(x.env)
	t.bytes -= n
	if x.fan == 0 {
		s.bytes -= n
		return
	}
	f := s.fans[x.fan]
	if f.envelopes > 1 {
		s.fans[x.fan] = fan{f.envelopes - 1, f.charge}
		return
	}
	s.bytes -= f.charge
	delete(s.fans, x.fan)
}

// sharing gives envelopes that are read from a snapshot the values in common that they had in common.
type sharing struct {
	reg   *value.Registry
	known map[string][]wire.Fill
	buf   []byte
}

// sharedFrom is the charge from which it is worth the look, in bytes.
const sharedFrom = 4 << 10

// share has the envelope use the fills of one that was read before, where they are the same.
func (h *sharing) share(env *wire.Envelope) error {
	if Charge(env) < sharedFrom {
		return nil
	}
	b := h.buf[:0]
	for i := range env.Fills {
		f := &env.Fills[i]
		b = fmt.Appendf(b, "%d %d %q ", f.Site, f.Component, f.Op)
		if f.Value == nil {
			continue
		}
		b = append(append(b, f.Value.Type()...), 0)
		at := len(b)
		var err error
		if b, err = h.reg.Append(b, f.Value); err != nil {
			return err
		}
		b = binary.LittleEndian.AppendUint64(b, uint64(len(b)-at))
	}
	h.buf = b
	if fills, ok := h.known[string(b)]; ok {
		env.Fills = fills
		return nil
	}
	put(&h.known, string(b), env.Fills)
	return nil
}
