package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// check is what was found of one part of a node's state.
type check struct {
	Node  string `json:"node"`
	What  string `json:"what"` // snapshot, journal, replay
	File  string `json:"file,omitempty"`
	OK    bool   `json:"ok"`
	Other bool   `json:"other_release,omitempty"` // it cannot be looked into here: another release can
	Found string `json:"found"`                   // what is there, or what is wrong
}

func newVerify(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "verify PATH",
		Short: "Check snapshots and journals, and that a replay says the same",
		Long: `Check the state below PATH: the directory of a run, that of a node, or a single snapshot file.
Every chunk of every snapshot and every record of every journal is read. In a run, each node is also brought
back in memory, which replays its journal. Nothing on the disk is changed.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			checks, err := verify(args[0])
			if err != nil {
				return err
			}
			return reportChecks(c, checks, json)
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object per check and nothing else")
	return cmd
}

func verify(path string) ([]check, error) {
	t, err := locate(path)
	if err != nil {
		return nil, err
	}
	if t.file != "" && filepath.Ext(t.file) != ".snap" {
		return nil, &badInput{t.file + " is no snapshot; want a file snapshot-….snap, the directory of a node, or " +
			"that of a run"}
	}
	if t.file != "" {
		dir, name := filepath.Split(t.file)
		return []check{verifySnapshot("", filepath.Clean(dir), name)}, nil
	}
	var checks []check
	var names []string
	for _, dir := range t.nodes {
		names = append(names, filepath.Base(dir))
		refs, err := journal.List(vfs.OS(), dir)
		if err != nil {
			return nil, err
		}
		for _, ref := range refs {
			checks = append(checks, verifySnapshot(filepath.Base(dir), dir, ref.Name))
		}
		checks = append(checks, verifyJournal(dir))
	}
	v, err := t.look()
	if err != nil || v == nil {
		return checks, err
	}
	for _, s := range v.Inspect(names...) {
		k := check{Node: s.Name, What: "replay", OK: s.Err == nil}
		if s.Err != nil {
			unknown := (*node.UnknownKindError)(nil)
			k.Other = errors.As(s.Err, &unknown) && unknown.Retired()
			k.Found = s.Err.Error()
		} else {
			k.Found = fmt.Sprintf("%d records give the same outputs as the first time", s.Restored.Replayed)
		}
		checks = append(checks, k)
	}
	if len(t.nodes) > 1 {
		checks, err = verifyResult(checks, t.run)
	}
	return checks, err
}

// verifyResult checks the model of a run that has written one.
func verifyResult(checks []check, dir string) ([]check, error) {
	if _, err := os.Stat(filepath.Join(dir, "result.json")); errors.Is(err, fs.ErrNotExist) {
		return checks, nil
	}
	k := check{Node: "run", What: "model", File: "model.onnx",
		Found: "is not the one that the run trained; run it again, and it is written anew"}
	res, err := rundir.Finished(vfs.OS(), dir)
	if res != nil {
		k.OK, k.Found = true, "is the one that the run trained: "+res.ModelSHA256
	}
	return append(checks, k), err
}

func verifySnapshot(node, dir, name string) check {
	k := check{Node: node, What: "snapshot", File: name}
	info, err := journal.Verify(vfs.OS(), dir, name, journal.Limits{})
	if err != nil {
		k.Found = err.Error()
		return k
	}
	k.OK = true
	k.Found = fmt.Sprintf("%d chunks, %s, %s on the disk, before record %d", info.Chunks, size(info.PayloadBytes),
		size(info.FileBytes), info.LSN)
	return k
}

func verifyJournal(dir string) check {
	k := check{Node: filepath.Base(dir), What: "journal"}
	k.journal(journal.Scan(vfs.OS(), dir))
	return k
}

// journal tells what reading a journal has found.
func (k *check) journal(r *journal.Report, err error) {
	switch {
	case err != nil:
		k.Found = err.Error()
	case r.Next == 0:
		k.OK, k.Found = true, "empty"
	default:
		k.OK = r.Intact()
		k.Found = fmt.Sprintf("records %d to %d in %d files", r.First, r.Next-1, r.Segments)
		if r.TornBytes > 0 {
			k.Found += fmt.Sprintf(", %d bytes of an unfinished record at the end", r.TornBytes)
		}
		if r.Short {
			k.Found += ", the last file is cut short"
		}
	}
}

// reportChecks writes the checks. Where one failed, it returns an error that says how many.
func reportChecks(c *console, checks []check, json bool) error {
	failed := 0
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	for _, k := range checks {
		if !k.OK {
			failed++
		}
		var err error
		if json {
			err = writeLine(c.out, k)
		} else {
			state := "ok"
			if !k.OK {
				state = "DAMAGED"
			}
			if k.Other {
				state = "OTHER RELEASE"
			}
			_, err = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", k.Node, k.What, k.File, state, k.Found)
		}
		if err != nil {
			return err
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if failed > 0 {
		return &badInput{fmt.Sprintf("%d of %d checks failed", failed, len(checks))}
	}
	return nil
}

// size writes a number of bytes for people.
func size(n int64) string {
	switch {
	case n >= 10<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 10<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d bytes", n)
}
