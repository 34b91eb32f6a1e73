package dataset

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Part is what one input of a model takes of a sample. A sample stays one row of numbers, in which the parts follow
// each other.
type Part struct {
	// Name is that of the input.
	Name string
	// Shape is that of the part of one sample.
	Shape []int
	// Type is Int64 for whole numbers, which the row holds exactly whatever its own type is, and Float32 for others.
	Type tensor.DType
	// Label says that the part is the label, and no piece of the row.
	Label bool
}

// Width returns how many numbers of the row the part is.
func (p Part) Width() int {
	if p.Label {
		return 0
	}
	return Schema{Shape: p.Shape}.Width()
}

// wholeMax is up to where float32 holds each whole number.
const wholeMax = 1 << 24

// FileInput says what one input of a model takes of a file. In JSON it may also be the list of columns alone, or the
// name of one.
type FileInput struct {
	// Columns names the columns or arrays, in order. Those of the label say that the input is the label. Empty: what is
	// called as the input is, alone or with a number behind it (x_0, x_1 and so on).
	Columns []string `json:"columns,omitempty"`
	// Type is "int64" for whole numbers and "float32" (also where it is empty) for others.
	Type string `json:"type,omitempty"`
	// Shape is that of the input for one sample. Empty: as the file has it.
	Shape []int `json:"shape,omitempty"`
	// Scale is what numbers are divided by. 0 means 255 for images of bytes, and 1 for everything else.
	Scale float64 `json:"scale,omitempty"`
}

// UnmarshalJSON reads the settings of an input, the list of its columns, or the name of one.
func (i *FileInput) UnmarshalJSON(b []byte) error {
	type plain FileInput
	switch strings.TrimSpace(string(b))[:1] {
	case "[":
		*i = FileInput{}
		return json.Unmarshal(b, &i.Columns)
	case "{":
		return config.Strict(b, (*plain)(i))
	}
	var name string
	if err := json.Unmarshal(b, &name); err != nil {
		return fmt.Errorf("an input is %.40s; want the list of its columns", b)
	}
	*i = FileInput{Columns: []string{name}}
	return nil
}

// checkInputs checks what is said of inputs.
func (s FileSettings) checkInputs(of string) error {
	if len(s.Inputs) > 0 && (len(s.Features) > 0 || s.Type != "" || len(s.Shape) > 0) {
		return config.Errorf(of, "there are inputs beside features, type or shape; want the columns of each input in "+
			"inputs alone")
	}
	if len(s.Inputs) > inputsMax {
		return config.Errorf(of, "there are %d inputs; want at most %d", len(s.Inputs), inputsMax)
	}
	for name, in := range s.Inputs {
		key := "columns of the input " + name
		if err := texts(of, key, in.Columns, columnsMax); err != nil {
			return err
		}
		if in.Type != "" && in.Type != "float32" && in.Type != typeInt64 {
			return config.Errorf(of, "the type of the input %q is %.40q; want float32 or int64", name, in.Type)
		}
		if in.Scale != 0 && (in.Scale < 1e-30 || in.Scale > 1e30) {
			return config.Errorf(of, "the scale of the input %q is %v; want a number that it can be divided by", name,
				in.Scale)
		}
		if len(in.Shape) > 0 {
			if err := (Schema{Shape: in.Shape, Features: tensor.Float32}).Check(); err != nil {
				return err
			}
		}
	}
	return nil
}

// inputsMax bounds the inputs of a model.
const inputsMax = 256

// inputColumns finds the columns of each input, in the order of their names, and returns those that are no label.
func (f *fileSource) inputColumns(cols []fileColumn, label []int) (out []int, err error) {
	f.s.Inputs = maps.Clone(f.s.Inputs)
	taken := map[int]string{}
	for _, name := range slices.Sorted(maps.Keys(f.s.Inputs)) {
		in := f.s.Inputs[name]
		var found []int
		for _, c := range in.Columns {
			i, err := f.columnOf("the input "+strconv.Quote(name), c, cols)
			if err != nil {
				return nil, err
			}
			found = append(found, i)
		}
		if len(found) == 0 {
			if found = f.called(name, cols, label); len(found) == 0 {
				return nil, f.noInput(name, cols)
			}
			for _, i := range found {
				in.Columns = append(in.Columns, cols[i].name)
			}
			f.s.Inputs[name] = in
		}
		p := Part{Name: name, Shape: slices.Clone(in.Shape), Type: tensor.Float32,
			Label: len(label) > 0 && slices.Equal(found, label)}
		if in.Type == typeInt64 {
			p.Type = tensor.Int64
		}
		f.parts = append(f.parts, p)
		if p.Label {
			continue
		}
		for _, i := range found {
			switch other, twice := taken[i]; {
			case slices.Contains(label, i):
				return nil, config.Errorf(f.of, "the input %q has %.64q, which is the label", name, cols[i].name)
			case twice:
				return nil, config.Errorf(f.of, "the inputs %q and %q both have %.64q; want each column once", other, name,
					cols[i].name)
			}
			taken[i] = name
			f.partOf = append(f.partOf, len(f.parts)-1)
		}
		out = append(out, found...)
	}
	if len(out) == 0 {
		return nil, config.Errorf(f.of, "no column is left for inputs; want one that is not the label")
	}
	return out, nil
}

// called returns the columns that are called as an input is: one, or several that are numbered, or the label, whatever
// that is called.
func (f *fileSource) called(input string, cols []fileColumn, label []int) []int {
	index := func(name string) int {
		if !f.table.about().named {
			return -1
		}
		return slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == name })
	}
	if i := index(input); i >= 0 {
		return []int{i}
	}
	if len(label) > 0 && slices.Contains(labelNames, input) {
		return label
	}
	for _, between := range []string{"_", "", ".", "-"} {
		for first := range 2 {
			var out []int
			for i := index(fmt.Sprint(input, between, first)); i >= 0; {
				out = append(out, i)
				i = index(fmt.Sprint(input, between, first+len(out)))
			}
			if len(out) > 0 {
				return out
			}
		}
	}
	return nil
}

// noInput says that nothing is called as an input is, with all that the model takes and all that the file has.
func (f *fileSource) noInput(name string, cols []fileColumn) error {
	what := "columns"
	if f.table.about().arrays {
		what = "arrays"
	}
	var wants, has []string
	for _, k := range slices.Sorted(maps.Keys(f.s.Inputs)) {
		in := f.s.Inputs[k]
		typ := in.Type
		if typ == "" {
			typ = "float32"
		}
		wants = append(wants, fmt.Sprintf("%s (%s%v)", k, typ, in.Shape))
	}
	for _, c := range cols[:min(len(cols), 32)] {
		text := strconv.Quote(c.name)
		if len(c.shape) > 0 {
			text += fmt.Sprint(" ", c.shape)
		}
		has = append(has, text)
	}
	if n := len(cols) - len(has); n > 0 {
		has = append(has, fmt.Sprintf("and %d more", n))
	}
	return config.Errorf(f.of, "the model takes the inputs %s, and nothing is called %q; the %s are %s: say which make each "+
		"input, as inputs: {%s: [%s, …]}", strings.Join(wants, ", "), name, what, strings.Join(has, ", "), name,
		cols[0].name)
}

// wholePart says whether a feature is of an input of whole numbers.
func (f *fileSource) wholePart(i int) bool {
	if len(f.partOf) == 0 {
		return f.s.Type == typeInt64
	}
	return f.parts[f.partOf[i]].Type == tensor.Int64
}

// shapes gives each part its shape, as the features turned out to be, and returns those of the row.
func (f *fileSource) shapes() error {
	if len(f.parts) == 0 {
		return nil
	}
	for k := range f.parts {
		p := &f.parts[k]
		if p.Label {
			p.Shape = f.labelShape
			continue
		}
		width, count := 0, 0
		var shape []int
		for i := range f.features {
			if f.partOf[i] == k {
				width, count = width+f.features[i].width, count+1
				shape = f.table.columns()[f.features[i].column].shape
			}
		}
		if len(p.Shape) > 0 {
			if p.Width() != width {
				return config.Errorf(f.of, "the input %q takes %v for a sample, which is %d numbers, and its columns %.200q "+
					"have %d", p.Name, p.Shape, p.Width(), f.s.Inputs[p.Name].Columns, width)
			}
			continue
		}
		if p.Shape = []int{width}; count == 1 && len(shape) > 0 {
			p.Shape = slices.Clone(shape)
		}
		in := f.s.Inputs[p.Name]
		in.Shape = p.Shape
		f.s.Inputs[p.Name] = in
	}
	return nil
}

// rowType is the type of a row of parts: whole numbers where all are.
func (f *fileSource) rowType() tensor.DType {
	for _, p := range f.parts {
		if !p.Label && p.Type != tensor.Int64 {
			return tensor.Float32
		}
	}
	return tensor.Int64
}

// put puts whole numbers into a row, or says what is wrong with one.
func put(into Column, to int, from []int64) string {
	if into.Int64 != nil {
		copy(into.Int64[to:to+len(from)], from)
		return ""
	}
	for j, v := range from {
		if v > wholeMax || v < -wholeMax {
			return fmt.Sprintf("is %d; want a whole number of at most %d beside an input of other numbers: the samples "+
				"are float32, which do not hold it exactly", v, wholeMax)
		}
		into.Float32[to+j] = float32(v)
	}
	return ""
}

// scale says what a feature is divided by, and notes it.
func (f *fileSource) scale(out *feature, c fileColumn, nth int) {
	pixels := c.bytes && len(c.shape) > 1 && !out.exact
	if len(f.partOf) == 0 {
		if pixels && f.s.Scale == 0 {
			f.s.Scale = 255
		}
		return
	}
	name := f.parts[f.partOf[nth]].Name
	in := f.s.Inputs[name]
	if in.Scale == 0 && f.s.Scale != 0 && !out.exact {
		in.Scale = f.s.Scale
	}
	if in.Scale == 0 && pixels {
		in.Scale = 255
	}
	f.s.Inputs[name], out.scale = in, in.Scale
}
