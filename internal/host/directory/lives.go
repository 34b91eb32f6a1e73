package directory

import (
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// A node's incarnation is kept in a file of its own, beside the journal that also names it. If the end of the journal
// is lost, the lives that it told of must not be forgotten: peers have seen them, and would take the node for a zombie
// for ever. If the file is damaged, the journal still names the last life. Only when both are damaged is the number
// unknown; then it leaps ahead of any that the node can have had.

const incarnationFile = "incarnation"

// Leap is added where neither the file nor the journal can be vouched for.
const Leap = 1 << 20

var incarnationTable = crc32.MakeTable(crc32.Castagnoli)

func incarnationText(n uint64) string {
	body := fmt.Sprintf("rhizome incarnation %d", n)
	return fmt.Sprintf("%s %08x\n", body, crc32.Checksum([]byte(body), incarnationTable))
}

// NextLife returns the number of the life that begins now; journaled is the one that the journal names.
func NextLife(fsys vfs.FS, dir string, journaled uint64, vouched bool) (uint64, error) {
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, incarnationFile), 1<<10)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return journaled + 1, nil // the node had one life
	case err != nil && !errors.As(err, new(*vfs.TooLargeError)):
		return 0, err
	}
	var kept uint64
	if _, err := fmt.Sscanf(string(b), "rhizome incarnation %d", &kept); err != nil ||
		string(b) != incarnationText(kept) {
		if vouched {
			return journaled + 1, nil
		}
		return journaled + Leap, nil
	}
	return max(kept, journaled) + 1, nil
}

// Lives returns the newest incarnation that a node's directory vouches for beside its journal, or 0 where it names
// none.
func Lives(fsys vfs.FS, dir string) (n uint64) {
	b, err := vfs.ReadFile(fsys, filepath.Join(dir, incarnationFile), 1<<10)
	if err != nil {
		return 0
	}
	if _, err := fmt.Sscanf(string(b), "rhizome incarnation %d", &n); err != nil || string(b) != incarnationText(n) {
		return 0
	}
	return n
}

// SetLives makes the number of a life durable.
func SetLives(fsys vfs.FS, dir string, n uint64) error {
	return journal.WriteFileAtomic(fsys, filepath.Join(dir, incarnationFile), []byte(incarnationText(n)))
}
