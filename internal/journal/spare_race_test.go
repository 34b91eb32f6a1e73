package journal

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// meddling is a disk on which something else happens before a prepared file gets its name.
type meddling struct {
	vfs.FS
	meddle func()
}

func (m *meddling) Rename(from, to string) error {
	if f := m.meddle; f != nil && strings.Contains(from, "next") {
		m.meddle = nil
		f()
	}
	return m.FS.Rename(from, to)
}

// TestPrepareBesideRotate prepares a file in the middle of a rotation that has taken the one before: neither touches
// the other's, nothing is lost, and the next rotation finds what it was given.
func TestPrepareBesideRotate(t *testing.T) {
	m := vfs.NewMem()
	disk := &meddling{FS: m}
	j, _ := open(t, disk, Options{SegmentBytes: segmentBytesMin})
	want := [][]byte{}
	meddled := 0
	for i := range uint64(40) {
		disk.meddle = func() { meddled++; j.Prepare() }
		j.Prepare()
		p := text(i, 500)
		want = append(want, p)
		add(t, j, p)
		ok(t, j.Sync())
	}
	if meddled < 3 {
		t.Fatalf("%d rotations were met", meddled)
	}
	same(t, all(t, j, 1), want)
	ok(t, j.Close())
	j, rep := open(t, m, Options{SegmentBytes: segmentBytesMin})
	if rep.Next != 41 {
		t.Errorf("%+v", rep)
	}
	same(t, all(t, j, 1), want)
	ok(t, j.Close())
}

// held is a disk on which a file that is prepared takes as long as it is held.
type held struct {
	vfs.FS
	made, let chan struct{}
}

func (h *held) Create(name string) (vfs.File, error) {
	if strings.Contains(name, "next") {
		h.made <- struct{}{}
		<-h.let
	}
	return h.FS.Create(name)
}

// While the file of the next segment is made, a Committer goes on to serve; and its end waits for that.
func TestCommitterServesWhileAFileIsMade(t *testing.T) {
	disk := &held{FS: vfs.NewMem(), made: make(chan struct{}, 1), let: make(chan struct{})}
	j, _ := open(t, disk, Options{SegmentBytes: segmentBytesMin})
	c := NewCommitter(j)
	commit := func(i uint64, size int) {
		lsn, err := j.Append(text(i, size))
		ok(t, err)
		served := make(chan error)
		c.Wait(lsn, func(err error) { served <- err })
		ok(t, <-served)
	}
	commit(1, segmentBytesMin/2)
	<-disk.made
	for i := range uint64(5) {
		commit(2+i, 100)
	}
	close(disk.let)
	c.Close()
	if _, ready := j.takeSpare(); !ready {
		t.Error("no file was made")
	}
	ok(t, j.Close())
}
