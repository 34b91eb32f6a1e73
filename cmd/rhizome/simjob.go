package main

import (
	"context"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/sim"
	"github.com/rhizome-ml/rhizome/sim/study"
)

// simJobFlags are the flags of a simulation of a job.
type simJobFlags struct {
	set               map[string]string // settings of the job, by key
	network, faults   string
	report            string
	durable, volatile bool
	limit             time.Duration
	json, trace       bool
	check             bool
}

// newSimJobFlags declares the flags that only the simulation of a job has.
func newSimJobFlags(fl *pflag.FlagSet) *simJobFlags {
	f := &simJobFlags{set: map[string]string{}}
	fl.Var(setting{"rounds", f.set, "N"}, "rounds", "with JOB: rounds to train, or periods of a gossip job")
	fl.BoolVar(&f.durable, "durable", false, fmt.Sprintf("with JOB: each node has a disk and goes on after a crash (default up to %d nodes)", study.DurableMost))
	fl.BoolVar(&f.volatile, "volatile", false, "with JOB: nodes forget everything when they crash (default beyond that)")
	fl.DurationVar(&f.limit, "time", 0, "with JOB: virtual time at which the run ends at the latest")
	fl.BoolVar(&f.check, "check", false, "with JOB: run it twice, and compare the hashes")
	return f
}

// jobOnly and chaosOnly are flags that one of the two kinds of simulation has.
var (
	jobOnly   = []string{"rounds", "network", "faults", "report", "durable", "volatile", "time", "check"}
	chaosOnly = []string{"seeds", "shrink", "strikes", "work", "calm"}
)

// onlyWith refuses a flag that was given for the other kind of simulation.
func onlyWith(fl *pflag.FlagSet, jobNamed bool) (err error) {
	fl.Visit(func(f *pflag.Flag) {
		switch {
		case err != nil:
		case jobNamed && slices.Contains(chaosOnly, f.Name):
			err = &badInput{fmt.Sprintf("--%s is of a simulation without a JOB", f.Name)}
		case !jobNamed && slices.Contains(jobOnly, f.Name):
			err = &badInput{fmt.Sprintf("--%s wants a JOB: rhizome sim JOB --%s …; JOB is %s, gossip, or a job file", f.Name, f.Name, strings.Join(job.Builtins(), ", "))}
		}
	})
	return err
}

// subject is the job that is simulated; one of both is set.
type subject struct {
	federated *job.Config
	gossip    *job.Gossip
}

// findSubject returns the job of a name with settings changed.
func findSubject(name string, set map[string]string) (subject, error) {
	kind := job.KindFederated
	if name == job.KindGossip {
		kind = job.KindGossip
	} else if ext := path.Ext(name); strings.ContainsAny(name, `/\`) || ext == ".yaml" || ext == ".yml" {
		text, err := os.ReadFile(name)
		if err == nil {
			kind, err = job.KindOf(name, text)
		}
		if err != nil {
			return subject{}, err
		}
	}
	if kind == job.KindGossip {
		g, err := job.FindGossip(name)
		for _, key := range job.GossipKeys() {
			if text, ok := set[key]; ok && err == nil {
				err = g.Set(key, text)
			}
		}
		if err == nil {
			err = g.Validate()
		}
		return subject{gossip: &g}, err
	}
	c, err := job.Find(name)
	for _, key := range job.Keys() {
		if text, ok := set[key]; ok && err == nil {
			err = c.Set(key, text)
		}
	}
	if err == nil {
		err = c.Validate()
	}
	return subject{federated: &c}, err
}

func (s subject) name() string {
	if s.gossip != nil {
		return s.gossip.Name
	}
	return s.federated.Name
}

func (s subject) seed() uint64 {
	if s.gossip != nil {
		return s.gossip.Seed
	}
	return s.federated.Seed
}

func (s subject) rounds() int {
	if s.gossip != nil {
		return s.gossip.Rounds
	}
	return s.federated.Rounds
}

// nodes returns how many nodes the job has, the server among them.
func (s subject) nodes() int {
	if s.gossip != nil {
		return s.gossip.Nodes
	}
	return s.federated.Clients + 1
}

// run simulates a job.
func (f *simJobFlags) run(ctx context.Context, c *console, name string, fl *pflag.FlagSet) error {
	if f.durable && f.volatile {
		return &badInput{"--durable and --volatile exclude each other"}
	}
	if f.limit < 0 {
		return &badInput{fmt.Sprintf("--time is %v; want a time span above 0", f.limit)}
	}
	// These flags serve both kinds of simulation.
	f.trace, f.json = isSet(fl, "trace"), isSet(fl, "json")
	if fl.Changed("nodes") {
		f.set["nodes"], f.set["clients"] = fl.Lookup("nodes").Value.String(), fl.Lookup("nodes").Value.String()
	}
	if fl.Changed("seed") {
		f.set["seed"] = fl.Lookup("seed").Value.String()
	}
	s, err := findSubject(name, f.set)
	if err != nil {
		return err
	}
	o := study.Options{
		Federated: s.federated, Gossip: s.gossip, Limit: f.limit,
		Durable: f.durable || !f.volatile && s.nodes() <= study.DurableMost,
		Network: sim.Network{Latency: sim.Latency{Kind: "uniform", Min: time.Millisecond, Max: 5 * time.Millisecond}},
		Sync:    sim.Latency{Min: 200 * time.Microsecond}, Work: sim.Latency{Min: time.Millisecond}, Restart: sim.Latency{Min: time.Second},
	}
	if f.trace {
		o.OnTrace = func(l sim.Line) { fmt.Fprintln(c.out, l) }
	}
	started := time.Now()
	st, err := study.New(o)
	if err != nil {
		return err
	}
	r, err := st.Run(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.out, "%s: %d nodes, %v of virtual time in %v, accuracy %v, loss %v, %d messages, %d bytes\nmodel %s\nhash %s\n",
		s.name(), r.Nodes, r.At, time.Since(started).Round(time.Millisecond), r.Accuracy, r.Loss, r.Messages, r.Bytes, r.ModelSHA256, r.Hash)
	return nil
}

// isSet says whether a switch is on.
func isSet(fl *pflag.FlagSet, name string) bool { return fl.Lookup(name).Value.String() == "true" }
