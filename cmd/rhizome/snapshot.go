package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func newSnapshot(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "snapshot",
		Short: "Look into the state of nodes on the disk",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newInspect(c), newDiff(c), newVerify(c), newExport(c), newMigrate(c))
	return cmd
}

// target is what a path names.
type target struct {
	run   string   // directory of the run, or empty
	nodes []string // directories of nodes
	file  string   // a single snapshot, or empty
}

// locate finds out what a path names: the directory of a run, that of a node, or a file that holds a snapshot.
func locate(path string) (target, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return target{},
			&badInput{path + ": no such file or directory; want that of a run or of a node, or a file of one"}
	}
	if err != nil {
		return target{}, err
	}
	path = filepath.Clean(path)
	if !info.IsDir() {
		return target{file: path, run: runOf(filepath.Dir(path))}, nil
	}
	if isNode(path) {
		return target{nodes: []string{path}, run: runOf(path)}, nil
	}
	if _, err := rundir.Stored(vfs.OS(), path); err == nil {
		t := target{run: path}
		entries, err := os.ReadDir(path)
		for _, e := range entries {
			if e.IsDir() && isNode(filepath.Join(path, e.Name())) {
				t.nodes = append(t.nodes, filepath.Join(path, e.Name()))
			}
		}
		slices.SortStableFunc(t.nodes, func(a, b string) int { return serverFirst(a) - serverFirst(b) })
		return t, err
	} else if !errors.Is(err, fs.ErrNotExist) {
		return target{}, err
	}
	return target{}, &badInput{path + " holds neither a run nor a node"}
}

// look returns what is known of the nodes that a path names: from the run that they lie in, or from what each writes
// down of itself where it is a process of its own. It is nil where nothing is known.
func (t *target) look() (*archive.View, error) {
	dirs := t.nodes
	if t.file != "" {
		dirs = []string{filepath.Dir(t.file)}
	}
	if len(dirs) > 0 && deploy.IsNode(vfs.OS(), dirs[0]) {
		v, err := deploy.View(vfs.OS(), dirs...)
		if errors.Is(err, fs.ErrNotExist) && isAny[*directory.LookOnlyError](directory.LookOnly(vfs.OS(), dirs[0])) {
			// a backup from another machine, whose file of data is not on this one: its files show what they can
			return nil, nil
		}
		return v, err
	}
	if t.run == "" {
		return nil, nil
	}
	return archive.Look(vfs.OS(), t.run)
}

// runOf returns the directory of the run that a node's directory lies in, or nothing: there its program is known.
func runOf(node string) string {
	whole, err := filepath.Abs(node)
	if err != nil || !isNode(node) {
		return ""
	}
	if _, err := rundir.Stored(vfs.OS(), filepath.Dir(whole)); err != nil {
		return ""
	}
	return filepath.Dir(whole)
}

func serverFirst(dir string) int {
	if filepath.Base(dir) == "server" {
		return 0
	}
	return 1
}

// isNode says whether a directory is that of a node.
func isNode(dir string) bool {
	entries, err := os.ReadDir(dir)
	return err == nil && slices.ContainsFunc(entries, func(e fs.DirEntry) bool {
		return strings.HasSuffix(e.Name(), ".seg") || strings.HasSuffix(e.Name(), ".snap")
	})
}
