package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal"
)

// replayReport is a node's state at a record.
type replayReport struct {
	nodeReport
	Record   uint64 `json:"record"`   // the last one that was replayed
	Snapshot uint64 `json:"snapshot"` // replay began with this record, on a snapshot; 0 on a new node
	WallNs   int64  `json:"wall_ns"`  // the host's clock at the record, or 0
}

func newReplay(c *console) *cobra.Command {
	var json bool
	var until uint64
	var file string
	cmd := &cobra.Command{
		Use:   "replay PATH",
		Short: "Show a node as it was at any record, with all in flight",
		Long: `Bring back the node in a directory from the newest snapshot before a record, replay its journal up to and with that
record, hold what it puts out against what it put out then, and show its state as snapshot inspect does. Where a
replay diverges, it says where and in what. Nothing on the disk is changed.`,
		Example: `  rhizome journal replay .rhizome/digits/server --until 120
  rhizome journal replay .rhizome/digits/server --until 120 -o then.pb
  rhizome snapshot diff then.pb .rhizome/digits/server`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			j, err := openJournals(args[0])
			switch {
			case err != nil:
				return err
			case j.view == nil:
				return &badInput{args[0] +
					" lies in no run, so the program of the node is not known; give its directory within the run"}
			case len(j.dirs) > 1 && (until != 0 || file != ""):
				return &badInput{"--until and -o are for one node; give its directory, such as " +
					filepath.Join(args[0], "server")}
			}
			for _, dir := range j.dirs {
				if err := replayNode(c, j, j.node(dir), until, file, json); err != nil {
					return err
				}
			}
			return nil
		}),
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().Uint64Var(&until, "until", 0, "last record to replay (default: the newest)")
	cmd.Flags().StringVarP(&file, "output", "o", "",
		"write the node's snapshot at that record to this file, as snapshot export does")
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object per node and nothing else")
	return cmd
}

func replayNode(c *console, j *journals, n *archive.NodeView, until uint64, file string, json bool) error {
	b, err := n.Restore(offline.Look{Until: until})
	var gone *journal.RangeError
	if errors.As(err, &gone) {
		return fmt.Errorf("%s: %w", n.Dir, err)
	}
	var div *record.DivergenceError
	if errors.As(err, &div) {
		return fmt.Errorf("%w; --until %d shows the node as it was before", err, div.Record-1)
	}
	if err != nil {
		return err
	}
	m, err := b.Node.Message(false)
	if err != nil {
		return err
	}
	if file != "" {
		if err := writePayload(file, n.Config.Values, m); err != nil {
			return err
		}
	}
	seen, err := report(n.Name, m, j.names(n.Dir))
	if err != nil {
		return err
	}
	r := replayReport{seen, b.Record, b.Snapshot, b.Wall}
	r.Replayed = b.Replayed
	if json {
		return writeLine(c.out, r)
	}
	at := "on a new node"
	if b.Snapshot != 0 {
		at = fmt.Sprintf("from record %d on", b.Snapshot)
	}
	wall := ""
	if b.Wall != 0 {
		wall = ", " + time.Unix(0, b.Wall).UTC().Format("2006-01-02T15:04:05.000Z")
	}
	fmt.Fprintf(c.out, "record %d%s, replayed %s; every output is that of the first time\n", b.Record, wall, at)
	return r.write(c)
}
