package peer

import (
	"cmp"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// snapshotResync fills in what the message says of lives.
func (t *stream) snapshotResync(w *snapshot.WireStateSnapshot) {
	if t.born > 1 {
		w.Born = t.born
	}
	if t.resync == nil {
		return
	}
	w.Proof, w.Doubt, w.Greets, w.Welcomes, w.Greetings, w.Forgot = t.proof, t.doubt, t.greets, t.welcomes, t.tries,
		t.forgot
	w.Lives, w.Earlier = livesOut(t.lives), livesOut(t.earlier)
	w.Recalled, w.Recalls = t.recalled, t.recalls
	for _, p := range t.past {
		w.Past = append(w.Past, snapshot.PastEpochSnapshot{Epoch: p.epoch, UpTo: p.upTo, Beyond: slices.Clone(p.beyond),
			Start: p.start, Mark: p.mark, Earlier: livesOut(p.earlier)})
	}
	if t.heeds > 0 {
		w.Heeded = &snapshot.HeededSnapshot{Life: t.heeded, Times: t.heeds}
	}
}

// restoreResync takes what a message that was found sound says of lives.
func (t *stream) restoreResync(w *snapshot.WireStateSnapshot) {
	if len(w.Proof) == 0 && len(w.Past) == 0 && w.Heeded == nil && w.Doubt == 0 && !w.Greets && !w.Welcomes &&
		w.Greetings == 0 && w.Forgot == 0 && len(w.Lives) == 0 && len(w.Earlier) == 0 {
		return
	}
	r := t.more()
	r.doubt, r.greets, r.welcomes, r.tries, r.forgot = w.Doubt, w.Greets, w.Welcomes, w.Greetings, w.Forgot
	r.lives, r.earlier = livesIn(w.Lives), livesIn(w.Earlier)
	r.recalled, r.recalls = w.Recalled, w.Recalls
	if len(w.Proof) > 0 {
		r.proof = w.Proof
	}
	for _, p := range w.Past {
		r.past = append(r.past, past{p.Epoch, taken{p.UpTo, slices.Clone(p.Beyond)}, p.Start, p.Mark,
			livesIn(p.Earlier)})
	}
	if w.Heeded != nil {
		r.heeded, r.heeds = w.Heeded.Life, w.Heeded.Times
	}
}

// unsoundResync says what is wrong with what a message says of lives, or "".
func (s *Streams) unsoundResync(w *snapshot.WireStateSnapshot) string {
	switch {
	case len(w.Proof) != 0 && len(w.Proof) != wire.ProofBytes:
		return "a proof of a start has another length"
	case w.Born > w.NextNumber || w.Born == 1:
		return "the present life begins beyond the next number"
	case w.Forgot != 0 && !w.Greets || w.Forgot > w.RecvUpTo:
		return "numbers were lost that were not taken, or the peer was told of it"
	case w.Greetings < 0 || w.Greetings > greetTriesMax:
		return "a peer that tells no life was greeted more often than it is"
	case w.Doubt < 0:
		return "a peer was doubted before time began"
	case !soundLives(w.Lives, ownLivesMax) || !slices.IsSortedFunc(w.Lives,
		func(a, b snapshot.LifeSnapshot) int { return cmp.Compare(a.Before, b.Before) }) ||
		len(w.Lives) > 0 && w.Lives[len(w.Lives)-1].Before >= max(1, w.Born):
		return "earlier lives have no start, or gave numbers that are not ascending"
	case w.Recalls < 0 || w.Recalls > recallsMax || w.Recalled == 0 && w.Recalls != 0 ||
		w.Recalled != 0 && len(w.Lives) == 0:
		return "a life was recalled more often than it is, or where none is remembered"
	case !soundLives(w.Earlier, earlierMax):
		return "an earlier life of the peer has no start, or there are more than are kept"
	case len(w.Past) > pastMax:
		return "more past epochs are remembered than are kept"
	case w.Heeded != nil && (w.Heeded.Life == 0 || w.Heeded.Times < 1 || w.Heeded.Times > heedsMax):
		return "the peer was heeded more often than can be, or in no life"
	}
	last := uint64(0)
	for i := range w.Past {
		p := &w.Past[i]
		if p.Epoch <= last || p.Epoch >= w.RecvEpoch || len(p.Beyond) > s.lim.Window ||
			!ascendingFrom(p.UpTo, p.Beyond) || !soundLives(p.Earlier, earlierMax) {
			return "the past epochs, or the numbers or lives in them, are not ascending"
		}
		last = p.Epoch
	}
	return ""
}

// ascendingFrom says whether numbers rise, from beyond a first one.
func ascendingFrom(last uint64, numbers []uint64) bool {
	for _, n := range numbers {
		if n <= last {
			return false
		}
		last = n
	}
	return true
}

// soundLives says whether lives are some that can be remembered.
func soundLives(lives []snapshot.LifeSnapshot, most int) bool {
	return len(lives) <= most && !slices.ContainsFunc(lives,
		func(l snapshot.LifeSnapshot) bool { return l.Start == 0 })
}

func livesOut(lives []wire.Life) (out []snapshot.LifeSnapshot) {
	for _, l := range lives {
		out = append(out, snapshot.LifeSnapshot(l))
	}
	return out
}

func livesIn(lives []snapshot.LifeSnapshot) (out []wire.Life) {
	for _, l := range lives {
		out = append(out, wire.Life(l))
	}
	return out
}
