package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/show"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

func newExport(c *console) *cobra.Command {
	var json, whole bool
	var file string
	cmd := &cobra.Command{
		Use:   "export PATH -o FILE",
		Short: "Write a node's snapshot in a form that other programs read",
		Long: `Write the snapshot of a node as the canonical protobuf message NodeSnapshot of formats/snapshot.proto, or with --json as
the JSON form of that message. PATH is a snapshot file, or the directory of a node, which stands for its newest
state. Nothing but FILE is changed.`,
		Example: `  rhizome snapshot export .rhizome/digits/server -o server.pb
  rhizome snapshot export .rhizome/digits/server --json | less`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			if file == "" && !json {
				return &badInput{"export needs -o FILE: a snapshot is no text; --json without it writes to stdout"}
			}
			s, err := oneState(args[0])
			if err != nil {
				return err
			}
			if whole && len(s.message.Artifact.Whole) == 0 {
				if s.view == nil {
					return &badInput{args[0] +
						" lies in no run, so its artifact is not known; export it from the run's directory, or " +
						"without --artifact"}
				}
				if s.message.Artifact.Whole, err = onnx.Marshal(s.view.Config.Artifact); err != nil {
					return err
				}
			}
			reg := value.NewRegistry()
			if !json {
				return writePayload(file, reg, s.message)
			}
			b, err := show.JSON(reg, s.message)
			if err != nil {
				return err
			}
			b = append(b, '\n')
			if file != "" {
				return writeFile(file, b)
			}
			_, err = c.out.Write(b)
			return err
		}),
	}
	cmd.Flags().SortFlags = false
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this file")
	cmd.Flags().BoolVar(&json, "json", false, "write the message as one JSON object")
	cmd.Flags().BoolVar(&whole, "artifact", false, "include the whole artifact, so that the snapshot says what it runs")
	return cmd
}

// writePayload writes the canonical form of a snapshot.
func writePayload(file string, reg *value.Registry, m *snapshot.NodeSnapshot) error {
	b, err := snapshot.Marshal(reg, m)
	if err != nil {
		return err
	}
	return writeFile(file, b)
}

// writeFile writes a file in one step: one that was there is replaced whole or not at all.
func writeFile(file string, b []byte) error {
	if info, err := os.Stat(file); err == nil && info.IsDir() {
		return &badInput{file + " is a directory; want the name of a file"}
	}
	if filepath.Ext(file) == ".snap" {
		return &badInput{fmt.Sprintf("%s: a name that ends in .snap is that of a snapshot in a node's directory; "+
			"want another, such as %s.pb", file, file[:len(file)-len(".snap")])}
	}
	return journal.WriteFileAtomic(vfs.OS(), filepath.Clean(file), b)
}

// writeNew writes a file where none is, or one that is the same, or where it is to be replaced.
func writeNew(file string, b []byte, force bool) error {
	if there, err := os.ReadFile(file); err == nil && !bytes.Equal(there, b) && !force {
		return &badInput{file +
			" is there already, with something else in it; want another name, or --force to replace it"}
	}
	return writeFile(file, b)
}
