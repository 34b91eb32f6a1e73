package compile_test

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/rhizome-ml/rhizome/internal/compile"
	"github.com/rhizome-ml/rhizome/internal/program"
)

// checkJoints holds, for every edge of an artifact, that both ends which were loaded apart agree on it: the sites that
// the sender stamps are the inputs of the function that the receiver starts (trap untested-joints).
func checkJoints(t rapid.TB, a *compile.Artifact, places ...string) {
	t.Helper()
	parts := map[string]*program.Program{}
	for _, place := range places {
		parts[place] = load(t, a, place)
	}
	for _, from := range parts {
		for i := range from.Edges {
			e := &from.Edges[i]
			if e.From != from.Place {
				continue
			}
			to := parts[e.To]
			there := to.Edges[i]
			f := &to.Funcs[to.RecvOf(e.ID)]
			if !slices.Equal(e.Sites, there.Sites) || !slices.Equal(e.Trigger, there.Trigger) ||
				e.Reply != there.Reply {
				t.Errorf("edge %d is %+v at %s and %+v at %s", i, e, from.Place, there, to.Place)
			}
			if f.Kind != program.KindRecv || int(f.Inputs) != len(e.Sites)+2 {
				t.Errorf("edge %d has %d sites; its receive has %d inputs", i, len(e.Sites), f.Inputs)
			}
			for k, s := range e.Sites {
				id, slot, ok := funcOfSite(to, s)
				if !ok || id != f.ID || slot != program.Slot(k) {
					t.Errorf("edge %d: value %d goes to site %d, which is slot %d of function %d at %s", i, k, s, slot,
						id, to.Place)
				}
			}
			if senders := sendersOf(from, e.ID); senders != 1 {
				t.Errorf("edge %d has %d senders", i, senders)
			}
		}
	}
	checkIDs(t, parts)
}

// funcOfSite returns the function and slot that a site names, and whether this part has it.
func funcOfSite(p *program.Program, s program.SiteID) (program.FuncID, program.Slot, bool) {
	for i := range p.Funcs {
		f := &p.Funcs[i]
		if s >= f.SiteBase && s < f.SiteBase+program.SiteID(f.Slots) {
			return f.ID, program.Slot(s - f.SiteBase), true
		}
	}
	return program.None, program.None, false
}

func sendersOf(p *program.Program, e program.EdgeID) int {
	n := 0
	for i := range p.Funcs {
		for k := range p.Funcs[i].Ops {
			switch o := &p.Funcs[i].Ops[k]; o.Code {
			case program.OpSend, program.OpRequest, program.OpReply:
				if o.Edge == e {
					n++
				}
			}
		}
	}
	return n
}

// checkIDs holds that no two functions of an artifact share a site or an op, over all places.
func checkIDs(t rapid.TB, parts map[string]*program.Program) {
	t.Helper()
	sites, ops := map[program.SiteID]bool{}, map[program.OpRef]bool{}
	for _, p := range parts {
		for i := range p.Funcs {
			f := &p.Funcs[i]
			for s := range program.SiteID(f.Slots) {
				if sites[f.SiteBase+s] {
					t.Errorf("site %d belongs to two functions", f.SiteBase+s)
				}
				sites[f.SiteBase+s] = true
			}
			for o := range program.OpRef(len(f.Ops)) {
				if ops[f.OpBase+o] {
					t.Errorf("op %d belongs to two functions", f.OpBase+o)
				}
				ops[f.OpBase+o] = true
			}
		}
	}
}

// TestJoints checks the joints of a whole program.
func TestJoints(t *testing.T) {
	a, _ := build(t, fedAvg{rounds: 3, rate: 0.1}.record())
	checkJoints(t, a, "server", "clients")
}

// TestDeclarationOrderDoesNotMatter declares places and slots the other way round: the digest, and with it every id,
// stays.
func TestDeclarationOrderDoesNotMatter(t *testing.T) {
	a, _ := build(t, fedAvg{rounds: 3, rate: 0.1}.record())
	b, _ := build(t, fedAvg{rounds: 3, rate: 0.1, reverse: true}.record())
	if a.Digest != b.Digest {
		t.Errorf("the digests are %x and %x", a.Digest, b.Digest)
	}
}
