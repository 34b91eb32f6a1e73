package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

func newModel(c *console) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "model",
		Short: "Look into model files",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newModelInspect(c))
	return cmd
}

func newModelInspect(c *console) *cobra.Command {
	var asJSON bool
	var o importer.Options
	cmd := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Show what of an ONNX file can be trained, and why the rest cannot",
		Long: `Show what is understood of an ONNX file: inputs and outputs, the batch, what is trained and what is not, what the
exporter did to the module, what is repaired to run it, and what of the file stays with you. A file that cannot be
trained is exit code 2, with every reason at once, by node and name.`,
		Example: "  rhizome model inspect cnn.onnx --freeze 'features.*'",
		Args:    cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			file, err := onnx.Read(args[0], onnx.DefaultLimits())
			if err != nil {
				return err
			}
			m, err := importer.Inspect(file, o)
			if err != nil {
				return err
			}
			if asJSON {
				err = writeLine(c.out, m.Report())
			} else {
				err = writeModel(clean.Writer(c.out), args[0], m.Report())
			}
			if err != nil {
				return err
			}
			if k := len(m.Report().Reasons); k > 0 {
				return &badInput{fmt.Sprintf("%s cannot be trained: %d reasons, which are listed", args[0], k)}
			}
			return nil
		}),
	}
	f := cmd.Flags()
	f.BoolVar(&asJSON, "json", false, "write one JSON object and nothing else")
	f.StringVar(&o.Output, "output", "", "the output to train (the first one of floating-point numbers)")
	f.StringSliceVar(&o.Train, "train", nil, "train only these tensors: names, or patterns of them")
	f.StringSliceVar(&o.Freeze, "freeze", nil, "do not train these tensors: names, or patterns of them")
	f.BoolVar(&o.SplitShared, "split-shared", false, "give each layer its own of the tensors that the exporter merged")
	f.BoolVar(&o.AddBias, "add-bias", false, "put back biases that were all zero and that the exporter left out")
	f.BoolVar(&o.TrainMode, "train-mode", false,
		"keep Dropout, and let BatchNormalization use the statistics of the batch")
	return cmd
}

// writeModel shows a report to people. No text of the file is in it but through the writer, which keeps it plain.
func writeModel(out io.Writer, path string, r *importer.Report) error {
	fmt.Fprintf(out, "%s\n  written by %s, operator set %d, format %d, %s, %d nodes\n", path, orNone(r.Producer),
		r.Opset,
		r.IR, size(r.Bytes), r.Nodes)
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, p := range r.Inputs {
		fmt.Fprintf(w, "  input\t%s\t%s%s\t\n", p.Name, p.Type, dims(p.Dims))
	}
	for _, p := range r.Outputs {
		what := ""
		if p.Name == r.Output {
			what = "trained"
			switch r.Ends {
			case "":
				what += "; ends in scores (logits), or in numbers of a regression"
			default:
				what += "; ends in " + r.Ends
			}
		}
		fmt.Fprintf(w, "  output\t%s\t%s%s\t%s\n", p.Name, p.Type, dims(p.Dims), what)
	}
	fmt.Fprintf(w, "  batch\t%s\t\t\n", r.Batch)
	if err := w.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(out, "  trained: %d tensors, %d numbers\n", r.Trained, r.Elements)
	for _, p := range r.Params {
		if p.Trainable {
			fmt.Fprintf(w, "    %s\t%s\t\n", p.Name, dims(p.Shape))
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if r.Trained < len(r.Params) || len(r.Buffers) > 0 {
		fmt.Fprintln(out, "  not trained:")
	}
	for _, p := range r.Params {
		if !p.Trainable {
			fmt.Fprintf(w, "    %s\t%s\t%s\n", p.Name, dims(p.Shape), p.Why)
		}
	}
	for _, b := range r.Buffers {
		fmt.Fprintf(w, "    %s\t%s\trunning %s of %s\n", b.Name, dims(b.Shape), b.Role, b.Node)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	list := func(head string, lines []string) {
		if len(lines) == 0 {
			return
		}
		fmt.Fprintf(out, "  %s\n", head)
		for _, l := range lines {
			fmt.Fprintf(out, "    %s\n", l)
		}
	}
	var changes, stays, reasons, operators []string
	for _, x := range r.Changes {
		line := fmt.Sprintf("%s: %s: %s", x.What, strings.Join(x.Names, ", "), x.Text)
		if x.Undo != "" {
			line += " (undo it: " + x.Undo + ")"
		}
		changes = append(changes, line)
	}
	for _, s := range r.Stays {
		stays = append(stays, fmt.Sprintf("%s (%d, %s)", s.What, s.Count, size(int64(s.Bytes))))
	}
	for _, x := range r.Reasons {
		reasons = append(reasons, x.String())
	}
	for _, x := range r.Operators {
		text := fmt.Sprintf("%s ×%d", x.Name, x.Count)
		if !x.Runs {
			text += " (cannot be run)"
		}
		operators = append(operators, text)
	}
	list("operators:", []string{strings.Join(operators, ", ")})
	list("what the exporter did:", changes)
	list("to know:", r.Notes)
	list("repairs, which are undone in the exported file:", r.Repairs)
	list("stays here and goes to no client, such as names of files and stack traces of the author's machine:", stays)
	if r.Trainable {
		_, err := fmt.Fprintln(out, "  it can be trained")
		return err
	}
	list("it cannot be trained:", reasons)
	return nil
}

func orNone(s string) string {
	if s == "" {
		return "an exporter that gives no name"
	}
	return s
}

// dims writes a shape; a question mark is the batch, or what is open.
func dims(shape []int) string {
	parts := make([]string, len(shape))
	for i, d := range shape {
		parts[i] = "?"
		if d >= 0 {
			parts[i] = fmt.Sprint(d)
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}
