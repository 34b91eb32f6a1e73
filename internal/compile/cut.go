package compile

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/types"
)

// cut makes of the one choreography the functions of each place.
//
//  1. Each Send, Request and Reply becomes an edge. What arrives is given by a receive, which is an opener at the other
//     place, so that nothing but edges connects two places.
//  2. Within each function, what is connected is a region, and runs in one activation. A region with an opener becomes
//     a function of its own; a region of two openers is an error. What has no opener runs in the place's main function,
//     bootstrap, or in the body that it was recorded in.
//  3. Ops that float are copied into each function that reads them.
//  4. What a body reads of the functions around it is passed in.
func (u *unit) cut() {
	u.receives()
	if len(u.errs) > 0 {
		return
	}
	c := &cutter{u: u, names: map[string]bool{}}
	mains := c.split(u.main)
	boots := map[string]*fn{}
	for _, b := range u.boots {
		for place, f := range c.split(b) {
			if first := boots[place]; first != nil {
				first.nodes = append(first.nodes, f.nodes...)
				adopt(first)
			} else {
				boots[place] = f
			}
		}
	}
	if len(u.errs) > 0 {
		return
	}
	for _, place := range u.places {
		c.addPart(boots[place], "bootstrap", place)
		c.addPart(mains[place], "main", place)
		for _, f := range c.opened {
			if f.place == place {
				c.addPart(f, f.kind, place)
			}
		}
	}
	c.checkReplies()
	u.reportCut()
}

// receives writes the receiving ends.
func (u *unit) receives() {
	recv := u.catalogue.Lookup(op.Wire, "Recv")
	u.all(func(f *fn) {
		var nodes []*node
		for _, n := range f.nodes {
			nodes = append(nodes, n)
			if !n.wire() {
				continue
			}
			e := &edge{id: int32(len(u.edges)), name: n.name, from: n.place, to: n.out[1].place, send: n,
				answer: n.asks != nil}
			if name := n.text("name"); name != "" {
				e.name = name
			}
			r := &node{decl: recv, name: n.name + "/recv", line: n.line, home: f, place: e.to, edge: e, slot: none,
				proto: asRecv(n)}
			r.out = n.out[1:]
			n.out = n.out[:1:1]
			if n.asks == nil { // only an answer brings a context back; else a trigger stands there
				r.out = append(r.out[:len(r.out):len(r.out)], &val{name: r.name + ":context", typ: types.Trigger(),
					place: e.to, home: f})
			}
			for _, v := range r.out {
				v.def = r
			}
			e.recv, n.edge = r, e
			u.edges = append(u.edges, e)
			nodes = append(nodes, r)
		}
		f.nodes = nodes
	})
	for _, e := range u.edges {
		if e.answer {
			e.send.asks.edge.reply = e
		}
	}
	names := map[string]*edge{}
	for _, e := range u.edges {
		if first := names[e.name]; first != nil {
			u.failAt(e.send, "the edge name %q is taken by %s", e.name, first.send.line)
		}
		names[e.name] = e
	}
}

type cutter struct {
	u      *unit
	opened []*fn           // functions that an opener starts, in the order of the openers
	names  map[string]bool // of functions, each after its place
}

// adopt makes the nodes of a function its own.
func adopt(f *fn) {
	for _, v := range f.in {
		v.home, v.def = f, nil
	}
	for _, n := range f.nodes {
		n.home = f
		for _, v := range n.out {
			v.home = f
		}
		for _, b := range n.bodies {
			b.outer = f
		}
	}
}

// addPart files a function and, behind it, the bodies that it calls.
func (c *cutter) addPart(f *fn, kind, place string) {
	if f == nil {
		return
	}
	f.kind, f.place = kind, place
	if kind == "bootstrap" || kind == "main" {
		f.name = kind
	}
	c.floats(f)
	functions(f, func(b *fn) { c.capture(b) })
	functions(f, func(b *fn) {
		name := b.name
		for i := 2; c.names[place+" "+b.name]; i++ {
			b.name = fmt.Sprintf("%s.%d", name, i)
		}
		c.names[place+" "+b.name] = true
		c.u.parts = append(c.u.parts, b)
	})
	if f.edge != nil {
		f.edge.fn = f
	}
}

// checkReplies holds that each answer is given in the activation that the request started, or in a body of it.
func (c *cutter) checkReplies() {
	for _, f := range c.u.parts {
		for _, n := range f.nodes {
			if n.asks == nil {
				continue
			}
			root := f
			for root.outer != nil {
				root = root.outer
			}
			if root.edge != n.asks.edge {
				c.u.failAt(n, "runs in %s and answers %s (%s); it can run only in the activation which that request "+
					"starts: let it read a value of the request",
					root.title(), n.asks.title(), n.asks.line)
			}
		}
	}
}

// title is how errors call a function.
func (f *fn) title() string {
	switch {
	case f.opener != nil && f.edge != nil:
		return "the receive of " + f.edge.name + " (" + f.opener.line + ")"
	case f.opener != nil:
		return f.opener.title() + " (" + f.opener.line + ")"
	case f.kind == "body":
		return "the body " + f.name
	}
	return "the " + f.kind + " function of " + f.place
}

func (u *unit) reportCut() {
	for _, e := range u.edges {
		kind := "send"
		if e.answer {
			kind = "answer"
		} else if e.reply != nil {
			kind = "request"
		}
		u.report.did("edge %d %s: %s from %s to %s with %d values", e.id, e.name, kind, e.from, e.to, len(e.recv.out)-2)
	}
	count := map[string]int{}
	for _, f := range u.parts {
		count[f.place]++
	}
	for _, p := range u.places {
		u.report.did("%d functions at %s", count[p], p)
	}
}

// byOrder sorts nodes by their position in the function that they were recorded in.
func byOrder(nodes []*node, at map[*node]int) {
	slices.SortFunc(nodes, func(a, b *node) int { return cmp.Compare(at[a], at[b]) })
}
