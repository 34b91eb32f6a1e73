package journal

import (
	"cmp"
	"errors"
	"slices"
)

// scrubBytes is how much of what earlier files hold is read again each time.
const scrubBytes = 1 << 20

// scrub reads a part of the chunks that the newest snapshot has in earlier files once more, each time the part that
// follows. A chunk that never changes is written once and shared for ever, so a fault of the disk in it would sit there
// until a restart needs it; now it is found while the node still has the value. What is damaged counts as never
// checked: the snapshots that need it are not good any more, and the next one writes it again.
func (s *Snapshots) scrub() error {
	if s.newest == nil {
		return nil
	}
	var old []*entry
	s.newest.each(func(e *entry) {
		if crc, ok := s.checked[spot{e.file, e.off}]; ok && crc == e.crc && e.file != s.newest.info.LSN {
			old = append(old, e)
		}
	})
	order := func(e *entry, at spot) int { return cmp.Or(cmp.Compare(e.file, at.file), cmp.Compare(e.off, at.off)) }
	slices.SortFunc(old, func(a, b *entry) int { return order(a, spot{b.file, b.off}) })
	old = slices.CompactFunc(old, func(a, b *entry) bool { return a.file == b.file && a.off == b.off })
	if len(old) == 0 {
		return nil
	}
	src, err := openSource(s.fsys, s.dir, s.newest.info.Name)
	if err != nil {
		return err
	}
	defer src.close()
	at, found := slices.BinarySearchFunc(old, s.scrubAt, order)
	if found {
		at++
	}
	for read, k := int64(0), 0; read < scrubBytes && k < len(old); k++ {
		e := old[(at+k)%len(old)]
		s.scrubAt = spot{e.file, e.off}
		err := src.stored(e)
		var damaged *CorruptionError
		switch {
		case errors.As(err, &damaged):
			delete(s.checked, s.scrubAt)
			clear(s.good) // whoever needs the chunk finds it damaged now
		case err != nil:
			return err
		}
		read += int64(e.stored)
	}
	return nil
}
