package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/value"
)

func newJournalVerify(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "verify PATH",
		Short: "Check every record, and that a replay says the same",
		Long: `Check the journal of a node, or of all nodes of a run: the checksums and the content of every record. In a run, each
node is also brought back in memory from its oldest snapshot, so that every record is replayed and its outputs are
held against the journal. The place of damage is told. Nothing on the disk is changed.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			j, err := openJournals(args[0])
			if err != nil {
				return err
			}
			var checks []check
			for _, dir := range j.dirs {
				checks = append(checks, j.verifyRecords(dir))
				if n := j.node(dir); n != nil {
					k := check{Node: filepath.Base(dir), What: "replay"}
					b, err := n.Restore(offline.Look{Oldest: true})
					if k.OK = err == nil; !k.OK {
						k.Found = err.Error()
					} else {
						k.Found = fmt.Sprintf("%d records from %d on give the same outputs as the first time",
							b.Replayed, max(b.Snapshot, 1))
					}
					checks = append(checks, k)
				}
			}
			return reportChecks(c, checks, json)
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object per check and nothing else")
	return cmd
}

// verifyRecords reads every record of a journal, and what is in it.
func (j *journals) verifyRecords(dir string) check {
	k := check{Node: filepath.Base(dir), What: "journal"}
	reg := value.NewRegistry()
	var rep *journal.Report
	err := j.steady(func() (err error) {
		rep, err = journal.Walk(vfs.OS(), dir, 0, func(at journal.Position, payload []byte) error {
			_, err := record.Decode(reg, at.Record, payload)
			return err
		})
		return err
	})
	k.journal(rep, err)
	return k
}
