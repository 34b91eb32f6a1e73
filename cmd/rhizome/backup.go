package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/backup"
)

func newBackup(c *console) *cobra.Command {
	var json bool
	var o backup.Options
	cmd := &cobra.Command{
		Use:   "backup DIR -o FILE",
		Short: "Put all that a node or a run keeps into one file, while it runs",
		Long: `Put all that the directory of a server, client, peer or run keeps into one file: snapshots, journal, records, program and
keys. The node may run meanwhile: it is not locked, and what is in the file is one moment of it, brought back in memory and
checked before the file gets its name. An earlier backup of that name stays, unless --force replaces it, in one step.

The file holds the node's key: whoever has it can be that node. It is for your eyes alone (mode 0600). --without-key leaves
the key out; such a backup can be looked at, or restored with the key beside it (rhizome restore --key).
A client's file of data is not in it.`,
		Example: `  rhizome backup .rhizome/digits-server -o /backups/server.rhizome
  rhizome restore /backups/server.rhizome --dir server-again`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(cmd *cobra.Command, args []string) error {
			if o.File == "" {
				return &badInput{"backup wants -o FILE: where the backup goes, best on another disk"}
			}
			o.Dir = args[0]
			made, err := backup.Make(cmd.Context(), o)
			if errors.Is(err, deploy.ErrInterrupted) {
				return nothingMade{}
			}
			if err != nil {
				return err
			}
			if json {
				return writeLine(c.out, backupLine{"backup", made.File, made.Bytes, manifestLine(&made.Manifest)})
			}
			var b strings.Builder
			fmt.Fprintf(&b, "%s: %s\n  %s in %d files; %s\n", made.File, &made.Manifest, size(made.Bytes),
				len(made.Files), positions(&made.Manifest))
			switch {
			case made.What == backup.WhatProcesses && made.Keys:
				b.WriteString("  IT HOLDS THE KEYS of all nodes: whoever has this file can be those nodes. Its mode " +
					"is 0600; keep it so\n")
			case made.Keys:
				b.WriteString("  IT HOLDS THE KEY of the node: whoever has this file can be that node. Its mode is " +
					"0600; keep it so\n")
			case made.What != backup.WhatRun:
				b.WriteString(
					"  without keys: it can be looked at, or restored with the node's identity.key beside it\n")
			}
			for _, n := range made.Nodes {
				if n.Data != "" {
					fmt.Fprintf(&b, "  the data is not in it: keep %s (SHA-256 %.12s)\n", n.Data, n.DataSHA256)
				}
			}
			fmt.Fprintf(&b, "to go back to it: rhizome restore %s --dir NEW\n", made.File)
			_, err = fmt.Fprint(c.out, b.String())
			return err
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVarP(&o.File, "output", "o", "", "file to write")
	flags.BoolVar(&o.Without, "without-key", false,
		"leave out the key of the node: the backup cannot become the node without it")
	flags.BoolVar(&o.Force, "force", false, "replace an earlier backup of that name")
	flags.BoolVar(&json, "json", false, "write one JSON object and nothing else")
	return cmd
}

// nothingMade says that a backup or a restore was asked to stop.
type nothingMade struct{}

// Error says what is there now.
func (nothingMade) Error() string { return "stopped, and nothing was made" }

// Unwrap returns deploy.ErrInterrupted.
func (nothingMade) Unwrap() error { return deploy.ErrInterrupted }

// positions says where the nodes are.
func positions(m *backup.Manifest) string {
	if len(m.Nodes) == 1 {
		return fmt.Sprintf("up to record %d", m.Nodes[0].Record)
	}
	return fmt.Sprintf("%d nodes, %s up to record %d", len(m.Nodes), m.Nodes[0].Name, m.Nodes[0].Record)
}

// backupLine is what backup and restore write as JSON.
type backupLine struct {
	Event string `json:"event"`
	File  string `json:"file"`
	Bytes int64  `json:"bytes,omitempty"`
	manifestJSON
}

// manifestJSON is a manifest without the list of its files.
type manifestJSON struct {
	What   string        `json:"what"`
	Job    string        `json:"job"`
	Digest string        `json:"digest"`
	Peer   string        `json:"peer,omitempty"`
	Keys   bool          `json:"keys"`
	Round  int           `json:"round"`
	Rounds int           `json:"rounds"`
	Wall   int64         `json:"wall_ns"`
	Nodes  []backup.Node `json:"nodes"`
	Files  int           `json:"files"`
}

func manifestLine(m *backup.Manifest) manifestJSON {
	return manifestJSON{m.What, m.Job, m.Digest, string(m.Peer), m.Keys, m.Round, m.Rounds, m.Wall, m.Nodes,
		len(m.Files)}
}
