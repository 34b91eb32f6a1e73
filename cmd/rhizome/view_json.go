package main

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/job"
)

// jsonView writes one object per line, for programs.
type jsonView struct {
	out io.Writer
	err error // of the first line that could not be written
}

// roundLine is the object of a round.
type roundLine struct {
	Event         string     `json:"event"`
	Round         int        `json:"round"`
	Accuracy      job.Number `json:"accuracy"`
	Loss          job.Number `json:"loss"`
	Contributions int        `json:"contributions"`
}

// doneLine is the object of the result.
type doneLine struct {
	Event       string     `json:"event"`
	Job         string     `json:"job"`
	Rounds      int        `json:"rounds"`
	Accuracy    job.Number `json:"accuracy"`
	Loss        job.Number `json:"loss"`
	Model       string     `json:"model"`
	ModelSHA256 string     `json:"model_sha256"`
	Resumed     bool       `json:"resumed"`
	Restarts    uint64     `json:"restarts"`
}

func (v *jsonView) begin(*job.Local) {}

func (v *jsonView) round(r job.Round) {
	if err := writeLine(v.out, roundLine{"round", r.Number, r.Accuracy, r.Loss, r.Contributions}); v.err == nil {
		v.err = err
	}
}

func (v *jsonView) warn(c *console, text string) { fmt.Fprintln(c.err, "rhizome: "+text) }

func (v *jsonView) end() {}

func (v *jsonView) result(r *job.Result, _ time.Duration) error {
	err := writeLine(v.out, doneLine{"done", r.Job, r.Rounds, r.Accuracy, r.Loss, r.Model, r.ModelSHA256, r.Resumed, r.Restarts})
	if v.err != nil {
		return v.err
	}
	return err
}

// writeLine writes v as one line of JSON.
func writeLine(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
