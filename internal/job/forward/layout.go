package forward

import (
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/dataset"
)

// Layout says how an output stands for the labels of a batch, of a shape for each sample (none: one number), with so
// many scores for each number of a label: how its dimensions are moved so that the scores come last; nil where they do.
// Scores of several numbers are taken as [N, C, …], as the losses of ONNX and PyTorch have them, and else as [N, …, C].
// The error says what would be right.
func Layout(output []int, batch int, label []int, scores int) ([]int, error) {
	each := dataset.Schema{LabelShape: label}.LabelWidth()
	planes := slices.Concat([]int{batch, scores}, label)
	rows := slices.Concat([]int{batch}, label, []int{scores})
	size := dataset.Schema{Shape: output}.Width()
	switch {
	case size != batch*each*scores || len(output) == 0 || output[0] != batch:
	case each == 1 || scores == 1:
		return nil, nil
	case slices.Equal(output, planes):
		perm := []int{0}
		for i := range label {
			perm = append(perm, i+2)
		}
		return append(perm, 1), nil
	case slices.Equal(output, rows):
		return nil, nil
	}
	want := fmt.Sprint([]int{batch, scores})
	if len(label) > 0 && scores > 1 {
		want = fmt.Sprintf("%v or %v", planes, rows)
	} else if len(label) > 0 {
		want = fmt.Sprint(slices.Concat([]int{batch}, label))
	}
	return nil, fmt.Errorf("an output of %s for a batch of %d; it gives %v", want, batch, output)
}
