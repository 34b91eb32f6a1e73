package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// jsonView writes one object per line, for programs.
type jsonView struct {
	c   *console
	err error // of the first line that could not be written
}

// roundLine is the object of a round.
type roundLine struct {
	head
	Round         int        `json:"round"`
	Accuracy      job.Number `json:"accuracy"`
	Loss          job.Number `json:"loss"`
	Contributions int        `json:"contributions"`

	Clients   []job.Score `json:"clients,omitempty"`
	AtClients *job.Found  `json:"at_clients,omitempty"`

	Queries  int `json:"queries,omitempty"`
	Answered int `json:"answered,omitempty"`
}

// doneLine is the object of the result.
type doneLine struct {
	head
	Job         string     `json:"job"`
	Rounds      int        `json:"rounds"`
	Accuracy    job.Number `json:"accuracy"`
	Loss        job.Number `json:"loss"`
	Model       string     `json:"model"`
	ModelSHA256 string     `json:"model_sha256"`
	Resumed     bool       `json:"resumed"`
	Restarts    uint64     `json:"restarts"`
	Stopped     string     `json:"stopped,omitempty"` // why it ended before its last round
	Best        *job.Best  `json:"best,omitempty"`
	Diverged    string     `json:"diverged,omitempty"` // what is wrong with the loss, and what would be right

	Personal []job.Score `json:"personal,omitempty"` // of the models that clients have for themselves

	Answers []analytics.Answer `json:"answers,omitempty"`
	Refused []job.Refused      `json:"refused,omitempty"` // whose counts are not in them
}

func (v *jsonView) begin(*local.Local) {}

// scaledLine is the object of constants that clients' sums made.
type scaledLine struct {
	head
	job.Scaled
}

func (v *jsonView) scaled(s job.Scaled) {
	if err := writeLine(v.c.out, scaledLine{v.c.head(job.EventScaled), s}); v.err == nil {
		v.err = err
	}
}

func (v *jsonView) round(r job.Round) {
	if err := writeLine(v.c.out, roundLine{v.c.head("round"), r.Number, r.Accuracy, r.Loss, r.Contributions,
		r.Clients, r.AtClients, r.Queries, r.Answered}); v.err == nil {
		v.err = err
	}
}

func (v *jsonView) warn(c *console, text string) {
	if err := writeLine(c.out, warningLine{c.head("warning"), text}); v.err == nil {
		v.err = err
	}
}

func (v *jsonView) end() {}

func (v *jsonView) result(r *job.Result, _ time.Duration) error {
	err := writeLine(v.c.out, doneLine{v.c.head("done"), r.Job, r.Rounds, r.Accuracy, r.Loss, r.Model, r.ModelSHA256,
		r.Resumed, r.Restarts, r.Stopped, r.Best, r.Grown(), r.Personal, r.Answers, r.Refused})
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
