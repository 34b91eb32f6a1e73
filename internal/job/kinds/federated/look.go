package federated

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/dataset"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/loss"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/tensor"
)

// looked returns the job with the files that it names and the settings with which they can be used: what columns of
// texts are, what the label is, and a loss. Errors are those of the settings that say least.
func (c Config) looked(of job.Own) (Config, error) {
	said := map[string]any{}
	if len(of.Inputs) > 0 {
		said["inputs"] = of.Inputs
	}
	if of.Text != "" {
		said["text"], said["vocabulary"] = of.Text, of.Vocabulary
	}
	if len(said) > 0 {
		text, err := json.Marshal(said)
		if err != nil {
			return c, err
		}
		c.Reader = string(text)
	}
	losses := []string{"", loss.BCE}
	if n := c; c.Model != "" {
		if err := n.bringModel(); err != nil {
			return c, err
		}
		losses = append(losses, loss.Given)
		if m := n.net(); m != nil {
			if _, _, output, _ := m.model.Forward(); strings.Contains(strings.ToLower(output), "loss") {
				losses = []string{loss.Given}
			}
		}
	}
	var first error
	try := func(reader map[string]string, losses ...string) (Config, error) {
		out, err := c.broughtAs(reader, losses[0])
		if last := losses[len(losses)-1]; err != nil && last == loss.Given {
			out, err = c.broughtAs(reader, last) // the label may be an input
		}
		for _, name := range losses {
			if err == nil {
				out.Loss = name
				if err = out.Validate(); err == nil {
					_, err = out.trainee()
				}
				if err == nil {
					return out, nil
				}
			}
			if first == nil {
				first = err
			}
			if out.Samples != "" {
				err = nil
			}
		}
		return out, first
	}
	var found Config
	var err error
	reader := map[string]string{}
	for _, reader = range []map[string]string{{}, {"categorical": "onehot"}, {"label_kind": "class"},
		{"categorical": "onehot", "label_kind": "class"}, {"label_kind": "quantity"},
		{"categorical": "onehot", "label_kind": "quantity"}} {
		var as *job.ConfigError
		if reader["label_kind"] == "quantity" && errors.As(first, &as) && as.Key == "label" {
			break // one class alone is no quantity
		}
		if found, err = try(reader, losses...); err == nil {
			break
		}
	}
	if err != nil {
		return c, first
	}
	if reader["label_kind"] == "" && quantities(found.form().Classes, found.data().Rows) && !found.given() {
		reader["label_kind"] = "quantity"
		return try(reader, losses...)
	}
	if found.Loss == "" && found.form().LabelWidth() > 1 && found.saysYesNo() {
		if again, err := try(reader, loss.BCE); err == nil {
			return again, nil
		}
	}
	return found, nil
}

// broughtAs is the job with what its reader is told and its loss, when its files were read.
func (c Config) broughtAs(reader map[string]string, by string) (Config, error) {
	c.Loss = by
	if len(reader) > 0 {
		all := map[string]any{}
		if c.Reader != "" {
			if err := json.Unmarshal([]byte(c.Reader), &all); err != nil {
				return c, err
			}
		}
		for key, v := range reader {
			all[key] = v
		}
		text, err := json.Marshal(all)
		if err != nil {
			return c, err
		}
		c.Reader = string(text)
	}
	j, err := c.Bring()
	if err != nil {
		return c, err
	}
	return j.(Config), nil
}

// saysYesNo says whether labels of several numbers are 0 and 1, as far as the first samples show, or of two classes.
func (c Config) saysYesNo() bool {
	s := c.form()
	if s.Label != 0 && len(s.Classes) > 0 {
		return len(s.Classes) == 2
	}
	b := c.data()
	source, _, err := data.OpenFile(b.Files[data.FileTrain].Given(), b.Settings)
	return err == nil && firstLabels(source, func(v float32) bool { return v == 0 || v == 1 })
}

// firstLabels says whether all labels of the first samples are as they should be.
func firstLabels(s dataset.Source, ok func(float32) bool) bool {
	rows := make([]int, min(s.Len(), 1<<12))
	for i := range rows {
		rows[i] = i
	}
	y := make([]float32, len(rows)*s.Schema().LabelWidth())
	err := s.Read(rows, dataset.Batch{Labels: dataset.Column{Float32: y}})
	return err == nil && !slices.ContainsFunc(y, func(v float32) bool { return !ok(v) })
}

// answers says whether labels are classes, or numbers of 0 to 1 as far as the first samples show.
func (c Config) answers(s dataset.Source) bool {
	return s.Schema().Label != tensor.Float32 || firstLabels(s, func(v float32) bool { return v >= 0 && v <= 1 })
}

// quantities says whether the labels of a text file are rather numbers than classes: many, and each of them a number.
func quantities(classes []string, rows int) bool {
	if len(classes) <= 20 || len(classes) < rows/10 {
		return false
	}
	for _, name := range classes {
		if _, err := strconv.ParseFloat(name, 64); err != nil {
			return false
		}
	}
	return true
}
