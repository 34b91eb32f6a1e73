package peer

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// describe fills in the message of a stream.
func (t *stream) describe(w *snapshot.WireStateSnapshot) {
	*w = snapshot.WireStateSnapshot{
		Peer: string(t.peer), Incarnation: t.incarnation, RecvEpoch: t.recvEpoch, RecvUpTo: t.upTo,
		RecvBeyond: slices.Clone(t.beyond),
		NextNumber: t.next, AckedUpTo: t.acked(), AckDue: t.ackDue, ResendAt: t.resendAt, Resends: t.resends,
		Start: t.start, Mark: t.mark,
	}
	if v := t.vitals; v != nil {
		w.RTT, w.RTTVar, w.RTTSamples, w.Silences = v.rtt.Smooth, v.rtt.Var, v.rtt.Samples, v.silence.lengths()
		w.Awaited, w.Level, w.HeldUntil, w.RefusedAt = v.awaited, uint32(v.level), v.heldUntil, v.refusedAt
	}
	t.snapshotResync(w)
}

// appendOutbox adds the messages of what the outbox holds for the peer.
func (t *stream) appendOutbox(entries []snapshot.PendingOutboundEntry) []snapshot.PendingOutboundEntry {
	for i := range t.out {
		env := t.out[i].env
		entries = append(entries, snapshot.PendingOutboundEntry{
			Peer: string(t.peer), Number: env.Number, Envelope: wire.Stored(env), Redelivered: env.Redelivered,
			Sent: t.out[i].sent, Deadline: t.out[i].deadline, Fan: t.out[i].fan,
		})
	}
	return entries
}

// RestoreStreams returns the streams, in the epoch, that the messages describe.
func RestoreStreams(epoch uint64, states []snapshot.WireStateSnapshot, entries []snapshot.PendingOutboundEntry,
	reg *value.Registry, lim StreamLimits) (*Streams, error) {
	s := NewStreams(lim)
	s.epoch = epoch
	switch {
	case epoch == 0:
		return nil, &RestoreError{"streams", "epoch", "want an epoch from 1"}
	case len(states) > lim.Peers:
		return nil, &FullError{"streams", lim.Peers}
	case len(entries) > reserve(lim.Envelopes):
		return nil, &FullError{"outbox envelopes", lim.Envelopes}
	}
	last := ""
	h := &sharing{reg: reg}
	for i := range states {
		w := &states[i]
		if w.Peer <= last {
			return nil, &RestoreError{"streams", w.Peer, "the peers are not in ascending order"}
		}
		last = w.Peer
		n := slices.IndexFunc(entries, func(e snapshot.PendingOutboundEntry) bool { return e.Peer != w.Peer })
		if n < 0 {
			n = len(entries)
		}
		if err := s.restore(w, entries[:n], reg, h); err != nil {
			return nil, err
		}
		entries = entries[n:]
	}
	if len(entries) > 0 {
		return nil, &RestoreError{"outbox", entries[0].Peer,
			"there is no stream to this peer, or the entries are not in its order"}
	}
	if s.bytes > reserve(lim.Bytes) {
		return nil, &FullError{"outbox bytes", lim.Bytes}
	}
	return s, nil
}

// restore adds the stream with one peer, whose outbox the entries are.
func (s *Streams) restore(w *snapshot.WireStateSnapshot, entries []snapshot.PendingOutboundEntry, reg *value.Registry,
	h *sharing) error {
	if why := s.unsound(w, entries); why != "" {
		return &RestoreError{"streams", w.Peer, why}
	}
	t := &stream{
		peer: wire.PeerID(w.Peer), incarnation: w.Incarnation, recvEpoch: w.RecvEpoch,
		taken: taken{w.RecvUpTo, slices.Clone(w.RecvBeyond)},
		next:  w.NextNumber, resends: w.Resends, start: w.Start, mark: w.Mark, born: max(1, w.Born),
		vitals: &vitals{rtt: RTT{w.RTT, w.RTTVar, w.RTTSamples}, awaited: w.Awaited, level: Level(w.Level),
			heldUntil: w.HeldUntil, refusedAt: w.RefusedAt},
	}
	t.restoreResync(w)
	for _, us := range w.Silences {
		t.silence.Ended(int64(us)*1000, s.lim.Silences)
	}
	t.calm()
	for i, e := range entries {
		env, err := readOwn(reg, e.Envelope)
		if err == nil {
			err = s.fits(env, &entries[i], w.AckedUpTo+1+uint64(i))
		}
		if err == nil {
			err = h.share(env)
		}
		if err != nil {
			return &RestoreError{"outbox", fmt.Sprintf("%s number %d", e.Peer, e.Number), err.Error()}
		}
		t.out = append(t.out, sending{env, e.Sent, e.Deadline, e.Fan})
		s.charge(t, &t.out[i])
	}
	s.count += len(t.out)
	s.put(t)
	s.setAckDue(t, w.AckDue)
	if w.ResendAt > 0 {
		s.schedule(t, w.ResendAt, 0)
	}
	return nil
}

// unsound says what is wrong with a stream's message, or "".
func (s *Streams) unsound(w *snapshot.WireStateSnapshot, entries []snapshot.PendingOutboundEntry) string {
	switch {
	case w.NextNumber < 1 || w.AckedUpTo >= w.NextNumber || w.NextNumber-1-w.AckedUpTo != uint64(len(entries)):
		return "the outbox does not hold all numbers between the acknowledged and the next"
	case (w.ResendAt != 0) != (len(entries) > 0 || w.Greets) || w.ResendAt < 0 || w.Resends < 0 || w.Resends > 0 &&
		w.ResendAt == 0:
		return "the time of the next resend does not agree with the outbox, or with whether the peer is greeted"
	case w.RecvEpoch == 0 && (w.RecvUpTo != 0 || len(w.RecvBeyond) != 0 || w.AckDue):
		return "numbers were taken of no epoch"
	case len(w.RecvBeyond) > s.lim.Window:
		return "more numbers were taken out of order than the window has room for"
	}
	if why := s.unsoundVitals(w); why != "" {
		return why
	}
	if why := s.unsoundResync(w); why != "" {
		return why
	}
	last := w.RecvUpTo
	for i, n := range w.RecvBeyond {
		if n <= last || i == 0 && n-last == 1 || n-w.RecvUpTo > uint64(s.lim.Window) {
			return "the numbers taken out of order are not ascending, or not within the window"
		}
		last = n
	}
	return ""
}

// unsoundVitals says what is wrong with how the peer is said to answer, or "".
func (s *Streams) unsoundVitals(w *snapshot.WireStateSnapshot) string {
	switch {
	case !(&RTT{w.RTT, w.RTTVar, w.RTTSamples}).sound():
		return "no samples can have given this round-trip time"
	case len(w.Silences) > s.lim.Silences:
		return "more silences are remembered than are allowed"
	case w.Awaited < 0 || w.HeldUntil < 0 || w.RefusedAt < 0 || uint64(w.Level) > uint64(Silent) || w.Level > 0 &&
		w.Awaited == 0:
		return "a time lies before time began, or a peer is suspected of which nothing is awaited"
	}
	for _, us := range w.Silences {
		if us > silenceMaxUs || unpack(pack(int64(us))) != int64(us) {
			return "a silence is longer or more exact than what is remembered"
		}
	}
	return ""
}

// fits says whether an envelope is the one that stands at this place of the outbox.
func (s *Streams) fits(env *wire.Envelope, e *snapshot.PendingOutboundEntry, number uint64) error {
	switch {
	case env.To != wire.PeerID(e.Peer):
		return fmt.Errorf("the envelope is for %s", env.To)
	case env.Number != number || e.Number != number:
		return fmt.Errorf("the envelope has number %d, want %d", env.Number, number)
	case env.Epoch != s.epoch:
		return fmt.Errorf("the envelope is of epoch %d, want %d", env.Epoch, s.epoch)
	case e.Fan != 0 && s.fans[e.Fan].envelopes > 0 && s.fans[e.Fan].charge != Charge(env):
		return fmt.Errorf("it shares its values with others of send %d, and has other ones", e.Fan)
	case e.Sent < unsent || e.Deadline < 0:
		return fmt.Errorf("it was sent at %d, or its deadline lies before time began", e.Sent)
	case env.Redelivered != e.Redelivered || env.AckEpoch != 0 || env.Base != 0 || env.Start != 0 ||
		len(env.Proof) != 0:
		return errNotOwn
	}
	return nil
}
