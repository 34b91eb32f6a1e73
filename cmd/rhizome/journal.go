package main

import (
	"errors"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func newJournal(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "journal",
		Short: "Read the journals of nodes, and replay them up to any record",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newDump(c), newJournalVerify(c), newReplay(c))
	return cmd
}

// journals is what the commands on journals work on.
type journals struct {
	dirs []string      // of the nodes
	view *archive.View // of their run, or nil where they lie in none
	live bool          // a node runs on one of them: its journal grows and loses its oldest files meanwhile
}

// openJournals finds the journals that a path names, and sees whether a node runs on them. They are only read.
func openJournals(path string) (*journals, error) {
	t, err := locate(path)
	if err != nil {
		return nil, err
	}
	if t.file != "" {
		return nil, &badInput{t.file + " is a file; want the directory of a node, or that of a run"}
	}
	if len(t.nodes) == 0 {
		return nil, &badInput{path + " holds no nodes yet"}
	}
	j := &journals{dirs: t.nodes}
	for _, dir := range append([]string{t.run}, t.nodes...) {
		if dir == "" {
			continue
		}
		if err := directory.InUse(vfs.OS(), dir); err != nil {
			j.live = true
		}
	}
	j.view, err = t.look()
	return j, err
}

// The looks at a journal that is written meanwhile.
const (
	liveTries = 6
	livePause = 30 * time.Millisecond
)

// steady calls read until it succeeds, where a node runs meanwhile: files may go, and the end may be half written. What
// is wrong counts when it stays the same.
func (j *journals) steady(read func() error) error {
	err := read()
	for n := 1; err != nil && j.live && n < liveTries && !errors.As(err, new(*writeError)); n++ {
		<-time.NewTimer(livePause).C
		before := err
		if err = read(); err != nil && err.Error() == before.Error() && !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	return err
}

// node returns what is known of the node in a directory, or nil.
func (j *journals) node(dir string) *archive.NodeView {
	if j.view == nil {
		return nil
	}
	return j.view.Node(filepath.Base(dir))
}

// names calls things of the node in a directory by their names, where they are known.
func (j *journals) names(dir string) names {
	if n := j.node(dir); n != nil {
		return names{n.Config.Program, j.view.Peers}
	}
	return names{}
}
