package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/weights"
)

func newExportModel(c *console) *cobra.Command {
	var to, file string
	var force, asJSON bool
	cmd := &cobra.Command{
		Use:   "export DIR|MODEL.onnx --to safetensors|npz",
		Short: "Write a model's parameters under the names of your code",
		Long: `Write the parameters and buffers of a model into a file that the code that it came from loads: PyTorch by
load_state_dict(safetensors.torch.load_file(FILE)), numpy by np.load(FILE). What an exporter renamed, transposed,
reordered, merged or left out is undone where the file lets one know it; what cannot be undone is told by name, on
stderr. DIR is that of a run or of a server that is done.`,
		Example: `  rhizome export .rhizome/mine --to safetensors
  rhizome export model.onnx --to npz -o weights.npz`,
		Args: cobra.ExactArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			if to != "safetensors" && to != "npz" {
				return &badInput{fmt.Sprintf("--to is %q; want safetensors or npz", to)}
			}
			if file == "" {
				file = "model." + to
			}
			if err := mayWrite(file, force); err != nil {
				return err
			}
			path, err := modelOf(args[0])
			if err != nil {
				return err
			}
			m, err := readOriginals(path)
			if err != nil {
				return err
			}
			out := exportLine{File: file, To: to, Names: "module", Told: m.told}
			if !m.named {
				out.Names = "file"
			}
			var list []weights.Tensor
			for _, o := range m.list {
				t := weights.Tensor{Name: o.Name, Type: typesOf[o.Type], Shape: o.Shape, Data: o}
				if t.Type == "BF16" && to == "npz" {
					o := o
					t.Type, t.Data = "F32", o.Wide()
					out.Told = append(out.Told, importer.Told{What: "widened", Names: []string{o.Name},
						Text: "numpy has no bfloat16: written as float32, which holds the same numbers", Undone: true})
				}
				list = append(list, t)
				out.Tensors = append(out.Tensors, exportedTensor{t.Name, t.Type, t.Shape})
			}
			var content io.WriterTo = weights.NPZ{Tensors: list}
			if to == "safetensors" {
				content = weights.Safetensors{Tensors: list, Format: "pt"}
			}
			if err := journal.StreamFileAtomic(vfs.OS(), filepath.Clean(file), content); err != nil {
				return err
			}
			if info, err := os.Stat(file); err == nil {
				out.Bytes = info.Size()
			}
			if asJSON {
				return writeLine(c.out, out)
			}
			return out.write(clean.Writer(c.out), clean.Writer(c.err))
		}),
	}
	f := cmd.Flags()
	f.SortFlags = false
	f.StringVar(&to, "to", "", "the format of the file: safetensors or npz")
	f.StringVarP(&file, "output", "o", "", "the file (default model.safetensors or model.npz)")
	f.BoolVar(&force, "force", false, "replace a file that is there")
	f.BoolVar(&asJSON, "json", false, "write one JSON object and nothing else")
	return cmd
}

// typesOf are the elements of tensors as safetensors call them.
var typesOf = map[onnx.TensorProto_DataType]string{
	onnx.TensorProto_FLOAT: "F32", onnx.TensorProto_DOUBLE: "F64", onnx.TensorProto_FLOAT16: "F16",
	onnx.TensorProto_BFLOAT16: "BF16", onnx.TensorProto_INT64: "I64", onnx.TensorProto_INT32: "I32",
	onnx.TensorProto_INT16: "I16", onnx.TensorProto_INT8: "I8", onnx.TensorProto_UINT64: "U64",
	onnx.TensorProto_UINT32: "U32", onnx.TensorProto_UINT16: "U16", onnx.TensorProto_UINT8: "U8",
	onnx.TensorProto_BOOL: "BOOL",
}

// exportedModel is what a model is for those who export it.
type exportedModel struct {
	list  []*importer.Original
	told  []importer.Told
	named bool // the names are those of the module
}

// readOriginals reads a model file.
func readOriginals(path string) (*exportedModel, error) {
	file, err := onnx.Read(path, onnx.DefaultLimits())
	if err != nil {
		return nil, err
	}
	m, err := importer.Inspect(file, importer.Options{Evaluate: true})
	if isAny[*importer.RefusedError](err) {
		return nil, &badInput{path + ": " + err.Error()}
	}
	if err != nil {
		return nil, err
	}
	out := &exportedModel{named: m.Signed()}
	out.list, out.told = m.Originals()
	if len(out.list) == 0 {
		return nil, &badInput{path + " has no parameters: want a model that holds its weights as tensors"}
	}
	return out, nil
}

// modelOf returns the model file that is named, or that of a directory.
func modelOf(name string) (string, error) {
	info, err := os.Stat(name)
	if err != nil || !info.IsDir() {
		return name, err
	}
	path := filepath.Join(name, rundir.ModelFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", &badInput{name + " holds no " + rundir.ModelFile + ": want the directory of a run or a server " +
			"that is done, or a model file"}
	}
	return path, nil
}

// mayWrite refuses to replace a file.
func mayWrite(file string, force bool) error {
	info, err := os.Stat(file)
	switch {
	case err == nil && info.IsDir():
		return &badInput{file + " is a directory; want the name of a file"}
	case err == nil && !force:
		return &badInput{file + " is there already; want another name by -o, or --force to replace it"}
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return nil
}

// exportLine is what was exported, for programs.
type exportLine struct {
	File    string           `json:"file"`
	To      string           `json:"to"`
	Names   string           `json:"names"` // "module": those of the module, by the exporter's signature; "file": the file's
	Bytes   int64            `json:"bytes"`
	Tensors []exportedTensor `json:"tensors"`
	Told    []importer.Told  `json:"told"`
}

type exportedTensor struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Shape []int  `json:"shape"`
}

// write tells it to people: what is as it was on out, what is not on errs.
func (e exportLine) write(out, errs io.Writer) error {
	of := "under the names of the module that was exported"
	if e.Names == "file" {
		of = "under the names in the file, which says nothing of the module that was exported"
	}
	if _, err := fmt.Fprintf(out, "%s: %d parameters and buffers, %s, %s\n", e.File, len(e.Tensors), size(e.Bytes),
		of); err != nil {
		return err
	}
	for _, t := range e.Told {
		to := out
		if !t.Undone {
			to = errs
		}
		fmt.Fprintf(to, "  %s: %s: %s\n", t.What, strings.Join(t.Names, ", "), t.Text)
	}
	return nil
}
