package outages

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/exchange"
	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	jobkinds "github.com/rhizome-ml/rhizome/internal/job/kinds"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// installed reads from a node's folder what the node is installed with.
func installed(dir string) (cfg node.Config, rec deploy.Record, err error) {
	fsys := vfs.OS()
	if err := journal.ReadSealed(fsys, filepath.Join(dir, "node.json"), &rec); err != nil {
		return cfg, rec, err
	}
	raw, err := vfs.ReadFile(fsys, filepath.Join(dir, "artifact.onnx"), exchange.ArtifactMax)
	if err != nil {
		return cfg, rec, err
	}
	model, err := exchange.Open(raw, rec.Digest)
	if err != nil {
		return cfg, rec, err
	}
	id, err := identity.Read(fsys, dir)
	if err != nil {
		return cfg, rec, err
	}
	catalogue, err := jobkinds.Catalogue()
	if err != nil {
		return cfg, rec, err
	}
	if cfg, err = install.Install(catalogue, model, rec.Place, id.Peer(), rec.Seed); err != nil ||
		rec.Role == deploy.RoleServer {
		return cfg, rec, err
	}
	cfg.Targets, cfg.Options = map[string][]wire.PeerID{job.ServerPlace: {rec.Server}}, map[string][]byte{}
	for slot, text := range rec.Options {
		cfg.Options[slot] = text
	}
	return cfg, rec, nil
}

// bringBack replays the journal of a node that has ended, and has see look at what went out.
func bringBack(dir string, oldest bool, see func(*engine.Output) error) (*node.Node, deploy.Record, error) {
	cfg, rec, err := installed(dir)
	if err != nil {
		return nil, rec, fmt.Errorf("%s: %w", filepath.Base(dir), err)
	}
	l := offline.Look{Oldest: oldest}
	l.Visit = func(_ *offline.Restored, _ *record.Record, out *engine.Output) error {
		if out == nil {
			return nil
		}
		return see(out)
	}
	b, err := offline.Restore(cfg, vfs.OS(), dir, l)
	if err != nil {
		return nil, rec, fmt.Errorf("%s: %w", filepath.Base(dir), err)
	}
	return b.Node, rec, nil
}

// books holds what the nodes of an exact job have written down against each other, when all of them have ended: every
// client is counted once in every round, and has answered each question once. It returns how many contributions were
// counted.
func (z size) books(server string, clients []string) (uint64, error) {
	var all []string
	members := map[int][]string{} // by round, as far as the journal is kept
	n, rec, err := bringBack(server, true, func(out *engine.Output) error {
		for _, ev := range out.AppEvents {
			if ev.Name != job.EventRound {
				continue
			}
			number, who, err := membersOf(ev.Value)
			if err != nil {
				return err
			}
			if before, told := members[number]; told && !slices.Equal(before, who) {
				return fmt.Errorf("round %d was told with %q, and again with %q", number, before, who)
			}
			members[number] = who
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, m := range rec.Members {
		all = append(all, string(m.Peer))
	}
	slices.Sort(all)
	if len(all) != z.clients || len(members) == 0 {
		return 0, fmt.Errorf("the server knows %d clients and told %d rounds", len(all), len(members))
	}
	for number, who := range members {
		if !slices.Equal(who, all) {
			return 0, fmt.Errorf("round %d counted %q; the clients are %q", number, who, all)
		}
	}
	counted := count(n, job.CountContributions)
	if want := uint64(z.rounds * z.clients); counted != want {
		return 0, fmt.Errorf("%d contributions were counted, want %d", counted, want)
	}
	history := n.Engine().Records(job.RecordRounds)
	if len(history) != z.rounds {
		return 0, fmt.Errorf("%d rounds were recorded, want %d", len(history), z.rounds)
	}
	for _, dir := range clients {
		if err := z.answers(dir); err != nil {
			return 0, err
		}
	}
	return counted, nil
}

// answers holds that a client has answered each question with one number of its stream, and has come to the last round.
// Where directories went back, what a lost life was told is told again.
func (z size) answers(dir string) error {
	numbers := map[wire.Request]uint64{}
	reg := value.NewRegistry()
	n, _, err := bringBack(dir, false, func(out *engine.Output) error {
		for _, p := range out.Envelopes {
			e, err := wire.Decode(p.Raw, reg, engine.DefaultLimits().Wire)
			if err != nil || !e.Answer.IsSet() || e.Number == 0 {
				continue // what the engine makes is read by its receiver, or the job would not have ended
			}
			if before, sent := numbers[e.Answer]; sent && before != e.Number && !z.returned {
				return fmt.Errorf("question %d was answered as number %d, and again as number %d", e.Answer.ID, before,
					e.Number)
			}
			numbers[e.Answer] = e.Number
		}
		return nil
	})
	if err != nil {
		return err
	}
	source, ok := n.Component("data").(*data.Component)
	if !ok {
		return fmt.Errorf("%s has no data", filepath.Base(dir))
	}
	if st, ok := source.State().(*data.State); !ok || st.Round != int64(z.rounds-1) {
		return fmt.Errorf("%s came to round %d of %d", filepath.Base(dir), st.Round+1, z.rounds)
	}
	return nil
}

// membersOf reads the number and the members of a job.EventRound, the members in order.
func membersOf(v value.Value) (number int, who []string, err error) {
	r, err := federated.ParseRound(v)
	if err != nil {
		return 0, nil, err
	}
	list, ok := v.(*value.List)
	if !ok {
		return 0, nil, fmt.Errorf("a round is a %s", v.Type())
	}
	peers, ok := list.At(3).(*value.List)
	if !ok {
		return 0, nil, fmt.Errorf("members are a %s", list.At(3).Type())
	}
	for _, p := range peers.Items() {
		id, ok := p.(value.Peer)
		if !ok {
			return 0, nil, fmt.Errorf("a member is a %s", p.Type())
		}
		who = append(who, string(id))
	}
	slices.Sort(who)
	return r.Number, who, nil
}

// sets holds what a server with a deadline has written down: the journal names the set of each round, no client is
// twice in one, as many contributions were counted as the sets have members, and its replay gives the model that was
// told. It returns how many rounds were closed with fewer than all clients.
func (z size) sets(server, model string) (short uint64, err error) {
	members := map[int][]string{}
	n, rec, err := bringBack(server, true, func(out *engine.Output) error {
		for _, ev := range out.AppEvents {
			if ev.Name == job.EventRound {
				number, who, err := membersOf(ev.Value)
				if err != nil {
					return err
				}
				members[number] = who
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	sum := 0
	for i := 1; i <= z.rounds; i++ {
		who, ok := members[i]
		if !ok || len(who) == 0 {
			return 0, fmt.Errorf("the journal names no set for round %d", i)
		}
		for k, p := range who {
			known := slices.ContainsFunc(rec.Members, func(m deploy.Member) bool { return string(m.Peer) == p })
			if !known || k > 0 && who[k-1] == p {
				return 0, fmt.Errorf("round %d counted %q", i, who)
			}
		}
		if sum += len(who); len(who) < z.clients {
			short++
		}
	}
	if counted := count(n, job.CountContributions); counted != uint64(sum) {
		return 0, fmt.Errorf("%d contributions were counted, and the sets have %d members", counted, sum)
	}
	told := federated.ToldBy(n)
	if told == nil {
		return 0, fmt.Errorf("the replay tells no model")
	}
	res, err := rundir.WriteTold(vfs.NewMem(), "/", told, job.Result{})
	if err == nil && res.ModelSHA256 != model {
		err = fmt.Errorf("the replay gives the model %.16s, %.16s was told", res.ModelSHA256, model)
	}
	return short, err
}

// count returns a counter of a node.
func count(n *node.Node, name string) uint64 {
	for _, c := range n.Engine().Counters() {
		if c.Name == name {
			return c.Count
		}
	}
	return 0
}
