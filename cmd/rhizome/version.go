package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/artifact"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// versions says what this binary is and which formats it writes.
type versions struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Modified bool   `json:"modified"` // built from a tree that differs from the commit
	Go       string `json:"go"`
	Platform string `json:"platform"`
	Artifact string `json:"artifact"`
	Snapshot int    `json:"snapshot"`
	Envelope int    `json:"envelope"`
	Run      int    `json:"run"` // of a run's directory
}

func newVersion(c *console) *cobra.Command {
	var json bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Show the version, the commit, and those of the formats",
		Args:  cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			v := readVersions()
			if json {
				return writeLine(c.out, v)
			}
			commit := v.Commit
			if v.Modified {
				commit += ", modified"
			}
			_, err := fmt.Fprintf(c.out, "rhizome %s (%s)\n%s %s\nformats: %s, snapshot %d, envelope %d, run %d\n",
				v.Version, commit, v.Go, v.Platform, v.Artifact, v.Snapshot, v.Envelope, v.Run)
			return err
		}),
	}
	cmd.Flags().BoolVar(&json, "json", false, "write one JSON object and nothing else")
	return cmd
}

func readVersions() versions {
	v := versions{
		Version: "(devel)", Commit: "commit unknown", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		Artifact: artifact.FormArtifact, Snapshot: snapshot.CurrentSnapshotSpecVersion, Envelope: wire.CurrentVersion,
		Run: journal.SealedVersion,
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	if info.Main.Version != "" {
		v.Version = info.Main.Version
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
