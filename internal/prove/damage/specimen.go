package damage

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/journal"
)

// specimen is the directory of a node, and what its files say while they are whole.
type specimen struct {
	name      string
	mem       *memory
	records   [][]byte
	snapshots map[string][]byte // payloads by name
	newest    []string          // the names of the snapshots, newest first
	life      *life             // of nodes that ran
}

func newSpecimen(name string, files map[string][]byte) (*specimen, error) {
	sp := &specimen{name: name, mem: newMemory(maps.Clone(files)), snapshots: map[string][]byte{}}
	rep, err := journal.Walk(sp.mem, folder, 0, func(_ journal.Position, payload []byte) error {
		sp.records = append(sp.records, bytes.Clone(payload))
		return nil
	})
	if err != nil || rep.TornBytes > 0 || rep.Short {
		return nil, fmt.Errorf("%s is damaged as it is: %+v, %w", name, rep, err)
	}
	for _, n := range sp.mem.names {
		if !strings.HasSuffix(n, ".snap") {
			continue
		}
		payload, _, err := journal.Load(sp.mem, folder, n, journal.Limits{})
		if err != nil {
			return nil, fmt.Errorf("%s is damaged as it is: %w", name, err)
		}
		sp.snapshots[n] = payload
		sp.newest = append([]string{n}, sp.newest...)
	}
	return sp, nil
}

// verdict is what reading a damaged directory came to.
type verdict int

const (
	silent   verdict = iota // what was read differs, and nothing said so
	harmless                // it does not matter to what is read
	refused                 // with the place
	repaired                // and reported
)

var verdicts = map[verdict]string{silent: "silent accepts", harmless: "harmless", refused: "refused with the place",
	repaired: "repaired and said so"}

// read reads what the damaged file is a part of. Of a refusal by the newest snapshot the older ones are asked for one
// bit of each byte: they read the same chunks by the same code, and reading them costs most of the time.
func (sp *specimen) read(damaged string, number int) (verdict, error) {
	switch {
	case damaged == lifeFile:
		return sp.life.read(sp.mem.files[damaged])
	case strings.HasSuffix(damaged, ".seg"):
		return sp.readJournal()
	}
	worst := harmless
	for _, name := range sp.newest {
		if strings.HasSuffix(damaged, ".snap") && name < damaged || worst == refused && number%8 != 0 {
			continue // a snapshot knows only files that are older
		}
		payload, _, err := journal.Load(sp.mem, folder, name, journal.Limits{})
		switch {
		case err != nil && !placed(err):
			return silent, fmt.Errorf("%s: an error without a place: %w", name, err)
		case err != nil:
			worst = refused
		case !bytes.Equal(payload, sp.snapshots[name]):
			return silent, fmt.Errorf("%s: another payload was loaded", name)
		}
	}
	return worst, nil
}

// placed says whether an error is a refusal that names file and offset.
func placed(err error) bool {
	var c *journal.CorruptionError
	return errors.As(err, &c) && c.Segment != "" && c.Offset >= 0
}

var errOther = errors.New("a record differs from the one that was written")

func (sp *specimen) readJournal() (verdict, error) {
	n := 0
	rep, err := journal.Walk(sp.mem, folder, 0, func(_ journal.Position, payload []byte) error {
		if n >= len(sp.records) || !bytes.Equal(payload, sp.records[n]) {
			return errOther
		}
		n++
		return nil
	})
	switch {
	case err != nil && placed(err):
		return refused, nil
	case err != nil:
		return silent, err
	case rep.TornBytes > 0 || rep.Short:
		return repaired, nil
	case n != len(sp.records):
		return silent, fmt.Errorf("%d of %d records were read, and nothing is reported", n, len(sp.records))
	}
	return harmless, nil
}
