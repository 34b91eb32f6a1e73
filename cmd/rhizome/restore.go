package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/backup"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

func newRestore(c *console) *cobra.Command {
	var json bool
	var o backup.RestoreOptions
	cmd := &cobra.Command{
		Use:   "restore FILE --dir NEW [--as move|look]",
		Short: "Make a directory of a backup: the node itself, or one to look at",
		Long: `Make a new directory of a backup. It says first what the backup is of and from when, and asks what the directory is to be:

  move  it becomes the node, which goes on from there. Its peers help it forward, nothing counts twice, and they refuse the
        old life from then on. Stop the old one: two of one key never work together.
  look  it is only read: snapshot, journal and status show it, and nothing starts on it. No key is written.

Everything is checked before the directory gets its name, and where anything is wrong, nothing is there that was not before.`,
		Example: "  rhizome restore server.rhizome --dir server-again --as move\n  rhizome server --dir server-again",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if o.Dir == "" {
				return &badInput{"restore wants --dir NEW: a directory that is not there yet"}
			}
			a, err := backup.Open(vfs.OS(), args[0])
			if err != nil {
				return err
			}
			defer a.Close()
			if o.As == "" {
				if o.As, err = askRestore(c, args[0], &a.Manifest, json); err != nil {
					return err
				}
			} else if !json {
				if _, err := fmt.Fprintf(c.out, "%s: %s\n", args[0], &a.Manifest); err != nil {
					return err
				}
			}
			done, err := a.Restore(cmd.Context(), o)
			if errors.Is(err, deploy.ErrInterrupted) {
				return nothingMade{}
			}
			if err != nil {
				return err
			}
			if json {
				return writeLine(c.out, restoreLine{backupLine{"restore", args[0], 0, manifestLine(&a.Manifest)},
					done.Dir, done.As, done.Records, done.Notes})
			}
			return restored(c, a, done)
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.Dir, "dir", "", "directory to make")
	flags.StringVar(&o.As, "as", "", "what it is to be: move or look (asked where it is not given)")
	flags.StringVar(&o.Key, "key", "", "identity.key of the node, for a backup that was made --without-key")
	flags.BoolVar(&json, "json", false, "write one JSON object and nothing else")
	return cmd
}

// restoreLine is what restore writes as JSON.
type restoreLine struct {
	backupLine
	Dir     string   `json:"dir"`
	As      string   `json:"as"`
	Records uint64   `json:"records"` // replayed
	Notes   []string `json:"notes,omitempty"`
}

// meaning says what the two ways are, for this backup.
func meaning(m *backup.Manifest) string {
	fenced := "the directory becomes that node, and goes on from there in a new epoch. What it did since is not in " +
		"it: its peers help it\n" +
		"        forward, nothing counts twice, and they refuse the old life from then on. Stop the old one: two of " +
		"one key never work together"
	if m.What == backup.WhatRun || m.What == backup.WhatProcesses {
		fenced = "the directory becomes that run, and all its nodes go on from that moment. Stop the old one first"
	}
	return "  move  " + fenced +
		"\n  look  it is only read: snapshot, journal and status show it, and nothing starts on it. No key is written\n"
}

// askRestore says what a backup is and asks a person what is to become of it.
func askRestore(c *console, file string, m *backup.Manifest, json bool) (string, error) {
	if _, ok := terminal(c.out); json || !ok || !term.IsTerminal(int(os.Stdin.Fd())) {
		return "", &badInput{fmt.Sprintf("%s is %s: say what it is to be, --as move (the directory becomes the "+
			"node, and the old life is refused by its peers) or --as look (it is only read)", file, m)}
	}
	fmt.Fprintf(c.out, "%s: %s\n%s", file, m, meaning(m))
	in := bufio.NewReader(io.LimitReader(os.Stdin, 1<<12))
	for range 3 {
		fmt.Fprint(c.out, "\nmove or look? ")
		line, err := in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(line)) {
		case backup.Move, "m":
			return backup.Move, nil
		case backup.Look, "l":
			return backup.Look, nil
		}
		if errors.Is(err, io.EOF) {
			break
		}
	}
	return "", &badInput{"neither move nor look was chosen; nothing was made"}
}

// restored tells what was made, and how it goes on.
func restored(c *console, a *backup.Archive, done *backup.Restored) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: all checksums are right", done.Dir)
	if done.Records > 0 {
		fmt.Fprintf(&b, ", and %d records give the same outputs as the first time", done.Records)
	}
	b.WriteByte('\n')
	for _, n := range done.Notes {
		fmt.Fprintf(&b, "  %s\n", n)
	}
	if done.As == backup.Look {
		fmt.Fprintf(&b, "to look at it: rhizome snapshot inspect %s\n", done.Dir)
	} else {
		command := map[string]string{
			backup.WhatRun: "run --dir " + done.Dir, backup.WhatProcesses: "run --processes --dir " + done.Dir,
			"server": "server --dir " + done.Dir, "client": "join --dir " + done.Dir, "peer": "peer --dir " + done.Dir,
			"edge": "join --dir " + done.Dir,
		}[a.What]
		fmt.Fprintf(&b, "to go on: rhizome %s      (the old one must not run)\n", command)
	}
	_, err := fmt.Fprint(c.out, b.String())
	return err
}
