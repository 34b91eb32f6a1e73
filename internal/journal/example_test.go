package journal_test

import (
	"errors"
	"fmt"
	"log"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// A node starts from its newest snapshot and the records behind it, makes a record durable, and leaves a new snapshot.
func Example() {
	fsys, dir := vfs.FS(vfs.NewMem()), "node" // or vfs.OS()
	check := func(err error) {
		if err != nil {
			log.Fatal(err)
		}
	}
	check(fsys.MkdirAll(dir))
	lock, err := fsys.Lock("node/lock")
	check(err)
	defer lock.Close()

	state, ref, skipped, err := journal.LoadNewest(fsys, dir, journal.Limits{})
	if !errors.Is(err, journal.ErrNoSnapshot) {
		check(err)
	}
	for _, damaged := range skipped {
		fmt.Println("passed over:", damaged)
	}
	j, report,
		err := journal.Open(fsys, dir, journal.Options{From: ref.LSN, BeforeRepair: func(r *journal.Report) error {
		if !r.Intact() {
			fmt.Println("a new epoch begins") // and is made durable here
		}
		return nil
	}})
	check(err)
	check(j.Read(max(ref.LSN, report.First), func(lsn uint64, payload []byte) error {
		state = append(state, payload...)
		return nil
	}))

	commits := journal.NewCommitter(j)
	lsn, err := j.Append([]byte("input"))
	check(err)
	done := make(chan error)
	commits.Wait(lsn, func(err error) { done <- err })
	check(<-done)
	fmt.Println("record", lsn, "is durable")
	state = append(state, "input"...)

	check(journal.Publish(fsys, dir, j.Next(), state))
	kept, err := journal.Prune(fsys, dir, 2, journal.Limits{})
	check(err)
	check(j.Release(kept[len(kept)-1].LSN))
	commits.Close()
	check(j.Close())
	// Output: record 1 is durable
}
