package compile

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// Report says what each pass did and what came out: for people by Text, for programs as JSON.
type Report struct {
	Name    string         `json:"name"`
	Digest  string         `json:"digest"` // hexadecimal
	Passes  []PassReport   `json:"passes"`
	Parts   []PartReport   `json:"parts"` // the functions, in the order of their ids
	Edges   []EdgeReport   `json:"edges"`
	Tensors []TensorReport `json:"tensors"`

	digest [32]byte
}

// PassReport is what one pass did.
type PassReport struct {
	Pass string   `json:"pass"`
	Did  []string `json:"did"`
}

// PartReport is one function of a place.
type PartReport struct {
	Place string   `json:"place"`
	Name  string   `json:"name"`
	Kind  string   `json:"kind"`
	In    []string `json:"in"`  // name and type
	Out   []string `json:"out"` // name
	Ops   []string `json:"ops"`
	Lines []string `json:"lines"` // of the ops, in their order
}

// EdgeReport is one crossing.
type EdgeReport struct {
	ID     int32    `json:"id"`
	Name   string   `json:"name"`
	From   string   `json:"from"`
	To     string   `json:"to"`
	Kind   string   `json:"kind"`   // send, request or answer
	Values []string `json:"values"` // type of each; "-" before it when it travels without payload
}

// TensorReport is one tensor function.
type TensorReport struct {
	Name  string   `json:"name"`
	Place string   `json:"place"`
	In    []string `json:"in"` // name and type
	Out   []string `json:"out"`
	Ops   int      `json:"ops"`

	// Memory is what a run takes, as one line for people. Who has a backend fills it; nil is not written.
	Memory fmt.Stringer `json:"memory,omitempty"`
}

// did adds a line to what the running pass did.
func (r *Report) did(format string, args ...any) {
	p := &r.Passes[len(r.Passes)-1]
	p.Did = append(p.Did, fmt.Sprintf(format, args...))
}

func typed(list []*val) []string {
	out := []string{}
	for _, v := range list {
		out = append(out, v.name+" "+v.typ.String())
	}
	return out
}

func (r *Report) part(f *fn) {
	p := PartReport{Place: f.place, Name: f.name, Kind: f.kind, In: typed(f.in), Out: []string{}, Ops: []string{},
		Lines: []string{}}
	for _, v := range f.out {
		p.Out = append(p.Out, v.name)
	}
	for _, n := range f.nodes {
		in := make([]string, len(n.in))
		for i, v := range n.in {
			in[i] = nameOf(v)
		}
		p.Ops = append(p.Ops, fmt.Sprintf("%s(%s) → %s", n.title(), strings.Join(in, ", "),
			strings.Join(typed(n.out), ", ")))
		p.Lines = append(p.Lines, n.line)
	}
	r.Parts = append(r.Parts, p)
}

func (r *Report) tensorFn(t *tensorFn) {
	r.Tensors = append(r.Tensors, TensorReport{Name: t.name, Place: t.place, In: typed(t.in), Out: typed(t.out),
		Ops: len(t.nodes)})
}

// summarize fills what is known at the end.
func (r *Report) summarize(u *unit) {
	r.Name, r.Digest = u.name, hex.EncodeToString(r.digest[:])
	for _, e := range u.edges {
		er := EdgeReport{ID: e.id, Name: e.name, From: e.from, To: e.to, Kind: "send", Values: []string{}}
		switch {
		case e.answer:
			er.Kind = "answer"
		case e.reply != nil:
			er.Kind = "request"
		}
		for i, v := range e.recv.out[:len(e.recv.out)-2] {
			t := v.typ.String()
			if e.trigger[i] {
				t = "-" + t
			}
			er.Values = append(er.Values, t)
		}
		r.Edges = append(r.Edges, er)
	}
}

// Text writes the report for people: each pass, then each place with its functions, then edges and tensor functions.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "program %s\n", r.Name)
	for _, p := range r.Passes {
		fmt.Fprintf(&b, "\n== %s\n", p.Pass)
		if len(p.Did) == 0 {
			b.WriteString("  nothing to do\n")
		}
		for _, d := range p.Did {
			fmt.Fprintf(&b, "  %s\n", d)
		}
	}
	place := ""
	for _, p := range r.Parts {
		if p.Place != place {
			place = p.Place
			fmt.Fprintf(&b, "\n== part %s\n", place)
		}
		fmt.Fprintf(&b, "  %s %s(%s)\n", p.Kind, p.Name, strings.Join(p.In, ", "))
		for i, o := range p.Ops {
			fmt.Fprintf(&b, "    %s    # %s\n", o, p.Lines[i])
		}
		if len(p.Out) > 0 {
			fmt.Fprintf(&b, "    return %s\n", strings.Join(p.Out, ", "))
		}
	}
	if len(r.Edges) > 0 {
		b.WriteString("\n== edges\n")
	}
	for _, e := range r.Edges {
		fmt.Fprintf(&b, "  %d %s: %s %s → %s (%s)\n", e.ID, e.Name, e.Kind, e.From, e.To, strings.Join(e.Values, ", "))
	}
	if len(r.Tensors) > 0 {
		b.WriteString("\n== tensor functions\n")
	}
	for _, t := range r.Tensors {
		fmt.Fprintf(&b, "  %s: %d ops (%s) → %s\n", t.Name, t.Ops, strings.Join(t.In, ", "), strings.Join(t.Out, ", "))
		if t.Memory != nil {
			fmt.Fprintf(&b, "    %s\n", t.Memory)
		}
	}
	return b.String()
}
