package damage

import (
	"fmt"
	"path"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/prove/rig"
)

// lifeFile keeps the number of a node's life. Only the host reads it, so its damages are tried on whole nodes.
const lifeFile = "incarnation"

// life is the disk of a node that lived several times, and the number of its next life.
type life struct {
	index  int
	disk   *vfs.Mem
	path   string
	number uint64
}

func newLife(r *rig.Rig, index int) (*life, error) {
	l := &life{index: index, disk: r.FS[index].Kill(), path: path.Join(r.Store(index).Dir, lifeFile)}
	b, err := vfs.ReadFile(l.disk, l.path, 1<<10)
	if err != nil {
		return nil, err
	}
	rec, err := l.open(b)
	if err != nil {
		return nil, err
	}
	l.number = rec.Incarnation
	return l, nil
}

func (l *life) open(content []byte) (*host.Recovery, error) {
	disk := l.disk.Kill()
	if err := disk.Alter(l.path, func([]byte) []byte { return content }); err != nil {
		return nil, err
	}
	cfg, err := rig.Config(l.index, false)
	if err != nil {
		return nil, err
	}
	store := host.Store{FS: disk, Dir: path.Dir(l.path), SegmentBytes: 4096}
	d, rec, err := host.Open(cfg, store)
	if err != nil {
		return nil, err
	}
	return rec, d.Close()
}

// read opens the node with another content of the file. It must not begin a life that it has had: peers would take it
// for a zombie.
func (l *life) read(content []byte) (verdict, error) {
	rec, err := l.open(content)
	switch {
	case err != nil && placed(err):
		return refused, nil
	case err != nil:
		return silent, err
	case rec.Incarnation < l.number:
		return silent, fmt.Errorf("the node begins life %d; it is to be %d", rec.Incarnation, l.number)
	case rec.Incarnation > l.number:
		return repaired, nil // it leapt ahead
	}
	return harmless, nil
}
