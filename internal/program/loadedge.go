package program

import "strconv"

// edges holds each edge against both of its ends: one op that sends along it, one function that receives at its sites,
// and of a request, the answer's edge, which goes the other way (trap untested-joints).
func (l *loader) edges() error {
	recv := make([]*head, len(l.p.Edges))
	for i := range l.heads {
		h := &l.heads[i]
		if h.kind != KindRecv {
			continue
		}
		where := "function " + clip(h.f.GetName()) + " of " + h.place
		if int(h.edge) >= len(recv) || recv[h.edge] != nil {
			return bad(where, "edge %d does not exist or starts two functions", h.edge)
		}
		recv[h.edge] = h
	}
	answers := make([]int, len(l.p.Edges))
	for i := range l.p.Edges {
		e, h := &l.p.Edges[i], recv[i]
		where := "edge " + strconv.Itoa(i)
		switch {
		case h == nil:
			return bad(where, "no function receives along it")
		case h.place != e.To:
			return bad(where, "goes to %q and is received at %q", e.To, h.place)
		case len(h.f.GetInput()) != len(e.Sites)+2:
			return bad(where, "has %d sites; the function that receives has %d inputs, the sender and the context "+
				"among them", len(e.Sites), len(h.f.GetInput()))
		}
		for k, s := range e.Sites {
			if s != h.siteBase+SiteID(k) {
				return bad(where, "value %d lands at site %d; the function that receives has it at %d", k, s,
					h.siteBase+SiteID(k))
			}
		}
		if e.Reply == None {
			continue
		}
		if e.Reply < 0 || int(e.Reply) >= len(l.p.Edges) || e.Answer {
			return bad(where, "is answered along edge %d, which does not exist, or is an answer itself", e.Reply)
		}
		r := &l.p.Edges[e.Reply]
		if answers[e.Reply]++; !r.Answer || answers[e.Reply] > 1 || r.From != e.To || r.To != e.From {
			return bad(where, "is answered along edge %d, which is no answer of its own the other way", e.Reply)
		}
	}
	for i := range l.p.Edges {
		if l.p.Edges[i].Answer && answers[i] == 0 {
			return bad("edge "+strconv.Itoa(i), "is the answer of no request")
		}
	}
	return l.replies()
}

// replies holds that an answer is given only where its request started the activation: in the function that receives
// the request, or in a body that only this function calls. Only this place's functions are looked at; each node does it
// for its own.
func (l *loader) replies() error {
	r := &roots{p: l.p, callers: map[FuncID][]FuncID{}, known: map[FuncID]FuncID{}}
	for i := range l.p.Funcs {
		for k := range l.p.Funcs[i].Ops {
			o := &l.p.Funcs[i].Ops[k]
			for _, b := range []FuncID{o.Body, o.Else} {
				if b != None {
					r.callers[b] = append(r.callers[b], FuncID(i))
				}
			}
		}
	}
	for i := range l.p.Funcs {
		for k := range l.p.Funcs[i].Ops {
			o := &l.p.Funcs[i].Ops[k]
			if o.Code != OpReply {
				continue
			}
			root := r.of(FuncID(i))
			if root == None || l.p.Funcs[root].Kind != KindRecv || l.p.Edges[l.p.Funcs[root].Edge].Reply != o.Edge {
				return bad("op "+clip(o.Name)+" of "+clip(l.p.Funcs[i].Name),
					"answers along edge %d where its request does not start the activation", o.Edge)
			}
		}
	}
	return nil
}

// roots finds the function that every way to a body begins at.
type roots struct {
	p       *Program
	callers map[FuncID][]FuncID
	known   map[FuncID]FuncID
}

// of returns that function, or None when there is more than one or none. The program is linked: no body calls itself.
func (r *roots) of(f FuncID) FuncID {
	if r.p.Funcs[f].Kind != KindBody {
		return f
	}
	if root, ok := r.known[f]; ok {
		return root
	}
	root := FuncID(None)
	for i, c := range r.callers[f] {
		switch from := r.of(c); {
		case i == 0:
			root = from
		case from != root:
			root = None
		}
	}
	r.known[f] = root
	return root
}
