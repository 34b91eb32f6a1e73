package main

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func newMigrate(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "migrate PATH",
		Short: "Bring the files of a run, or of one node, to the current formats",
		Long: `Bring the files of a run or of a node to the formats that this release writes. It reads earlier formats anyway; migrate
is for those who want to be rid of them. Everything is read first, and where something is of a newer format nothing is
changed. Each file is replaced in one step, after its successor was written, read back and found to hold the same.`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			done, err := migrate(args[0])
			if err != nil {
				return err
			}
			files := 0
			for _, m := range done {
				files += len(m.Files)
				if json {
					err = writeLine(c.out, m)
				} else {
					err = reportMigrated(c, m)
				}
				if err != nil {
					return err
				}
			}
			if !json && files == 0 {
				_, err = fmt.Fprintln(c.out, "nothing to do: every file is of the current format")
			}
			return err
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false,
		"write one JSON object per node, then one for the run's own files, and nothing else")
	return cmd
}

func migrate(path string) ([]archive.Migrated, error) {
	t, err := locate(path)
	switch {
	case err != nil:
		return nil, err
	case t.file != "":
		return nil, &badInput{t.file + " is a file; want the directory of a node, or that of a run"}
	case t.run != "" && !isNode(path):
		return archive.Migrate(vfs.OS(), t.run)
	}
	dir := t.nodes[0]
	if err := directory.InUse(vfs.OS(), dir); err != nil {
		return nil, &badInput{dir + " is in use by a run; stop it first"}
	}
	m, err := offline.PlanMigration(vfs.OS(), dir)
	if err != nil {
		return nil, err
	}
	out := archive.Migrated{Node: filepath.Base(dir), Files: []string{}, Damaged: len(m.Damaged)}
	for _, ref := range m.Old {
		out.Files = append(out.Files, ref.Name)
	}
	return []archive.Migrated{out}, m.Run()
}

func reportMigrated(c *console, m archive.Migrated) error {
	name := m.Node
	if name == "" {
		name = "run"
	}
	var parts []string
	if len(m.Files) > 0 {
		parts = append(parts, "of the current format now: "+strings.Join(m.Files, ", "))
	}
	if m.Damaged > 0 {
		parts = append(parts, fmt.Sprintf("%d damaged snapshots stay as they are", m.Damaged))
	}
	if len(parts) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(c.out, "%s: %s\n", name, strings.Join(parts, "; "))
	return err
}
