package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
)

func newCompile(c *console) *cobra.Command {
	var explain, json bool
	var file string
	set := newJobSettings(c)
	cmd := &cobra.Command{
		Use:   "compile [JOB]",
		Short: "Compile a job and show what its nodes will run",
		Long: `Compile a job: cut its one program into a part for each place, check all of it, and show what came out.
The artifact is an ONNX file.`,
		Example: "  rhizome compile --explain\n  rhizome compile mine.yaml -o mine.onnx",
		Args:    cobra.MaximumNArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			named, given, err := set.any(args)
			if err != nil {
				return err
			}
			cfg, err := job.With(named, given)
			if err == nil {
				cfg, err = job.Bring(cfg)
			}
			if err != nil {
				return err
			}
			model, err := cfg.Choreography()
			if err != nil {
				return err
			}
			art, report, err := compile.Compile(model, compile.Options{})
			if err != nil {
				return err
			}
			if file != "" {
				if err := writeArtifact(file, art); err != nil {
					return err
				}
			}
			if !json && !explain {
				return brief(c, report, file)
			}
			if err := planned(report, art.Model); err != nil {
				return err
			}
			if json {
				return writeLine(c.out, report)
			}
			_, err = fmt.Fprint(c.out, report.Text())
			return err
		}),
	}
	cmd.Flags().SortFlags = false
	set.register(cmd.Flags(), setUsage)
	cmd.Flags().BoolVar(&explain, "explain", false, "show what each pass did, every op of every part, and the memory of its tensor functions")
	cmd.Flags().BoolVar(&json, "json", false, "write the report as one JSON object and nothing else")
	cmd.Flags().StringVarP(&file, "output", "o", "", "write the artifact to this ONNX file")
	return cmd
}

// writeArtifact writes the artifact in one step: a file that was there is replaced whole or not at all.
func writeArtifact(file string, art *compile.Artifact) error {
	b, err := onnx.Marshal(art.Model)
	if err != nil {
		return err
	}
	return writeFile(file, b)
}

// planned says of each tensor function what the backend makes of it and what memory that takes.
func planned(r *compile.Report, artifact *onnx.ModelProto) error {
	memory, err := backend.MemoryOf(artifact)
	if err != nil {
		return err
	}
	for i := range r.Tensors {
		if m := memory[r.Tensors[i].Name]; m != nil {
			r.Tensors[i].Memory = m
		}
	}
	return nil
}

// brief says in a few lines what was made.
func brief(c *console, r *compile.Report, file string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: program %s\n", r.Name, r.Digest)
	places, order := map[string][]string{}, []string{}
	for _, p := range r.Parts {
		if places[p.Place] == nil {
			order = append(order, p.Place)
		}
		places[p.Place] = append(places[p.Place], fmt.Sprintf("%s (%d ops)", p.Name, len(p.Ops)))
	}
	for _, place := range order {
		fmt.Fprintf(&b, "  %-8s %s\n", place, strings.Join(places[place], ", "))
	}
	fmt.Fprintf(&b, "  %d edges, %d tensor functions\n", len(r.Edges), len(r.Tensors))
	if file != "" {
		fmt.Fprintf(&b, "  written to %s\n", file)
	} else {
		b.WriteString("  rhizome compile --explain tells how it came about\n")
	}
	_, err := fmt.Fprint(c.out, b.String())
	return err
}
