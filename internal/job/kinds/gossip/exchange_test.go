package gossip

import (
	"errors"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// merges are those of all nodes.
func (f *flock) merges() (n uint64) {
	for _, node := range f.nodes {
		n += counter(node, CountMerges)
	}
	return n
}

// TestExchanges: whichever models go between a node and its neighbour, a question that comes twice is merged once on
// both sides, what is lost on the way is merged where it was delivered at all, and nodes that are replaced by what
// their snapshots say go on as the plain ones, byte for byte.
func TestExchanges(t *testing.T) {
	for _, x := range []struct {
		exchange, delivery string
		drop, twice        float64
		least, most        uint64 // merges, as percents of the periods of all nodes
	}{
		{ExchangePull, DeliveryBest, 0, 0.5, 90, 100},
		{ExchangePull, DeliveryOnce, 0.3, 0.3, 80, 100},
		{ExchangePull, DeliveryBest, 0.3, 0, 60, 80},
		{ExchangePushPull, DeliveryBest, 0, 0.5, 180, 200},
		{ExchangePushPull, DeliveryOnce, 0.3, 0.3, 160, 200},
		{ExchangePushPull, DeliveryBest, 0.3, 0, 120, 160},
	} {
		cfg := Default()
		cfg.Nodes, cfg.Degree, cfg.Exchange, cfg.Delivery = 12, 3, x.exchange, x.delivery
		const periods = 20
		run := func(restore func(uint64) bool) *flock {
			f := newFlock(t, cfg)
			f.drop, f.twice, f.restore = x.drop, x.twice, restore
			f.run(periods * time.Second)
			return f
		}
		plain := run(nil)
		if got := plain.merges() * 100 / (12 * periods); got < x.least || got > x.most {
			t.Errorf("%+v: %d %% of the periods end in a merge", x, got)
		}
		if x.delivery == DeliveryOnce { // which keeps the most
			if restored := run(func(step uint64) bool { return step%41 == 0 }); restored.hash != plain.hash {
				t.Errorf("%+v: %x, with restores %x", x, plain.hash, restored.hash)
			}
		}
		unanswered := uint64(0)
		for _, n := range plain.nodes {
			unanswered += counter(n, CountUnanswered)
		}
		if lost := x.drop > 0 && x.delivery == DeliveryBest; (unanswered > 0) != lost {
			t.Errorf("%+v: %d questions were not answered", x, unanswered)
		}
	}
}

// TestNetworksExchange: nodes that train a network learn by each way, and by push-pull from more models than by others.
func TestNetworksExchange(t *testing.T) {
	merged := map[string]uint64{}
	for _, exchange := range []string{ExchangePush, ExchangePull, ExchangePushPull} {
		cfg := digits(t)
		cfg.Exchange = exchange
		f := newFlock(t, cfg)
		f.drop, f.twice, f.restore = 0.1, 0.1, func(step uint64) bool { return step%61 == 0 }
		f.run(12 * time.Second)
		merged[exchange] = f.merges()
		if accuracy, _ := f.score(0, 12*time.Second); accuracy < 0.7 {
			t.Errorf("%s: accuracy %.3f", exchange, accuracy)
		}
	}
	if a, b := merged[ExchangePull], merged[ExchangePushPull]; a < 40 || b < 2*a*9/10 || merged[ExchangePush] < 40 {
		t.Errorf("merges %v", merged)
	}
}

// TestAloneAsks: a node that knows nobody asks nobody, and fails in no period.
func TestAloneAsks(t *testing.T) {
	for _, exchange := range []string{ExchangePull, ExchangePushPull} {
		cfg := Default()
		cfg.Nodes, cfg.Discovery, cfg.Exchange = 2, DiscoveryExchange, exchange
		s, err := cfg.Swarm()
		if err != nil {
			t.Fatal(err)
		}
		n, err := node.Install(s.Node(0))
		if err != nil {
			t.Fatal(err)
		}
		for now := int64(0); now < int64(30*cfg.Period); {
			out := n.Poll(now)
			if len(out.AppEvents) > 0 || len(out.Envelopes) > 0 {
				t.Fatalf("%s: it tells %v and sends %d envelopes", exchange, out.AppEvents, len(out.Envelopes))
			}
			now = max(out.Wake, now+1)
		}
		if counter(n, "op.failed") != 0 || counter(n, engine.FailureEvent) != 0 {
			t.Errorf("%s: counters %v", exchange, n.Engine().Counters())
		}
	}
}

// TestExchangeIsRefused: what it cannot be combined with is refused by its name.
func TestExchangeIsRefused(t *testing.T) {
	for _, text := range []string{"exchange: both", "strategy: d-psgd\nmlp: 8\nexchange: pull"} {
		_, err := job.Parse(Kind{}, "mine.yaml", []byte("name: x\nkind: gossip\n"+text))
		var e *job.FileError
		if !errors.As(err, &e) || e.Key != "exchange" {
			t.Errorf("%q: %v", text, err)
		}
	}
}
