package dataset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// Against holds the schema of a file against that of a job, whose samples it is to give, and says in words how they
// differ.
func (s Schema) Against(job Schema) error {
	const of = "the data is not that of the job"
	if !slices.Equal(s.Shape, job.Shape) {
		if len(s.Names) > 0 && len(job.Names) > 0 {
			return config.Errorf(of, "%s", differ("column", s.Names, job.Names))
		}
		return config.Errorf(of, "a sample has the shape %v, and the job's %v", s.Shape, job.Shape)
	}
	if err := s.partsAgainst(job); err != nil {
		return err
	}
	if s.Features != job.Features {
		return config.Errorf(of, "features are %v, and the job's %v", s.Features, job.Features)
	}
	if s.Label != job.Label {
		return config.Errorf(of, "the label is %s, and the job's %s", labelWord(s.Label), labelWord(job.Label))
	}
	if !slices.Equal(s.LabelShape, job.LabelShape) {
		if len(s.Labels) > 0 && len(job.Labels) > 0 {
			return config.Errorf(of, "%s", differ("label", s.Labels, job.Labels))
		}
		return config.Errorf(of, "the label of a sample is %s, and the job's %s", shapeWord(s.LabelShape),
			shapeWord(job.LabelShape))
	}
	if !slices.Equal(s.Labels, job.Labels) && len(s.Labels) > 0 && len(job.Labels) > 0 {
		return config.Errorf(of, "%s", differ("label", s.Labels, job.Labels))
	}
	if !slices.Equal(s.Names, job.Names) && len(s.Names) > 0 && len(job.Names) > 0 {
		return config.Errorf(of, "%s", differ("column", s.Names, job.Names))
	}
	if !slices.Equal(s.Classes, job.Classes) {
		return config.Errorf(of, "%s", differ("class", s.Classes, job.Classes))
	}
	return nil
}

// partsAgainst holds what the inputs of a model take against that of a job.
func (s Schema) partsAgainst(job Schema) error {
	const of = "the data is not that of the job"
	if len(s.Parts) != len(job.Parts) {
		return config.Errorf(of, "a sample is made of %d inputs, and the job's of %d", len(s.Parts), len(job.Parts))
	}
	for i, p := range s.Parts {
		if q := job.Parts[i]; p.Name != q.Name || p.Type != q.Type || p.Label != q.Label ||
			!slices.Equal(p.Shape, q.Shape) {
			return config.Errorf(of, "the input %q is %v%v, and the job has %q of %v%v there", p.Name, p.Type, p.Shape,
				q.Name, q.Type, q.Shape)
		}
	}
	return nil
}

// shapeWord is the shape of a label.
func shapeWord(shape []int) string {
	if len(shape) == 0 {
		return "one number"
	}
	return fmt.Sprint("numbers of the shape ", shape)
}

func labelWord(t tensor.DType) string {
	switch t {
	case tensor.Int64:
		return "a class"
	case tensor.Float32:
		return "a quantity"
	}
	return "none"
}

// differ says how two lists of names differ: what is missing, what is too many, or which is the first in another place.
func differ(what string, got, want []string) string {
	here, there := map[string]bool{}, map[string]bool{}
	for _, n := range got {
		here[n] = true
	}
	for _, n := range want {
		there[n] = true
	}
	var parts []string
	for _, k := range []struct {
		list []string
		in   map[string]bool
		text string
	}{{want, here, "it has no %s %s"}, {got, there, "the job has no %s %s"}} {
		var names []string
		for _, n := range k.list {
			if !k.in[n] {
				names = append(names, n)
			}
		}
		if n := len(names); n > 0 {
			list := fmt.Sprintf("%.40q", names[:min(n, 8)])
			if n > 8 {
				list += fmt.Sprintf(" and %d more", n-8)
			}
			parts = append(parts, fmt.Sprintf(k.text, what, list))
		}
	}
	if len(parts) > 0 {
		return strings.Join(parts, ", and ")
	}
	for i := range got {
		if i >= len(want) || got[i] != want[i] {
			return fmt.Sprintf("%s %d is %.40q, and the job's is %.40q: they are the same in another order", what, i+1,
				got[i], slices.Concat(want, []string{""})[min(i, len(want))])
		}
	}
	return fmt.Sprintf("it has %d names of a %s, and the job %d", len(got), what, len(want))
}
