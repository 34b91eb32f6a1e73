package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/crashes"
	"github.com/rhizome-ml/rhizome/internal/prove/damage"
	"github.com/rhizome-ml/rhizome/internal/prove/doors"
	lost "github.com/rhizome-ml/rhizome/internal/prove/gone" // the name is a test's
	"github.com/rhizome-ml/rhizome/internal/prove/hostile"
	"github.com/rhizome-ml/rhizome/internal/prove/hunt"
	"github.com/rhizome-ml/rhizome/internal/prove/outages"
	"github.com/rhizome-ml/rhizome/internal/prove/product"
	"github.com/rhizome-ml/rhizome/internal/prove/restores"
	"github.com/rhizome-ml/rhizome/internal/prove/same"
	"github.com/rhizome-ml/rhizome/internal/prove/seeds"
	"github.com/rhizome-ml/rhizome/internal/prove/twins"
)

// proofs are the parts of rhizome prove, quick ones first: what they leave of the time, the others have.
var proofs = []prove.Part{
	seeds.Mass{},
	outages.Kills{},
	outages.Lives{},
	outages.Matrix{},
	outages.Pauses{},
	outages.Namespaces{},
	outages.Translators{},
	restores.Part{},
	crashes.Part{},
	product.Doors{},
	doors.Strangers{},
	doors.Load{},
	doors.Flood{Command: []string{"prove", "--serve"}},
	hostile.Part{},
	same.Part{Command: []string{"prove", "--answer"}},
	damage.Part{},
	twins.Part{},
	lost.Part{},
	hunt.Part{},
	seeds.Part{},
}

// proveFlags are the flags of rhizome prove.
type proveFlags struct {
	opt    prove.Options
	json   bool
	seed   uint64
	turn   string // "index/number": a share of what rotates
	tells  bool   // only say what the ledger has
	shard  string // "index/number": this process is a shard of another
	until  int64  // of a shard: Unix time in milliseconds
	shared string // of a shard: the folder of all shards
	answer bool   // this process is a variant that answers seeds
	serve  bool   // this process is the server of a flood
}

func newProve(c *console) *cobra.Command {
	var f proveFlags
	cmd := &cobra.Command{
		Use:   "prove [PART...]",
		Short: "Try every promise, each as often as its floor says",
		Long:  "Try the promises, each as often as its floor says, on all processors.\n\nParts:\n" + partList(),
		RunE: func(cmd *cobra.Command, args []string) error {
			parts, err := chosen(args)
			if err != nil {
				return err
			}
			return does(func(cmd *cobra.Command, _ []string) error { return f.run(c, cmd, parts) })(cmd, args)
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&f.opt.Minutes, "minutes", 0, "time for all parts together (default until the floors are reached)")
	flags.BoolVar(&f.opt.Soak, "soak", false,
		"go on beyond the floors, part after part, with seeds that the ledger does not have")
	flags.StringVar(&f.opt.Ledger, "ledger", "", "file to which each run of a part is added as a line")
	flags.IntVar(&f.opt.Shards, "shards", 0, "processes (default one for each processor)")
	flags.Uint64Var(&f.seed, "seed", 0, "try this one seed of one part, and say more about it")
	flags.Uint64Var(&f.opt.First, "first", 0, "first seed (default 1, or in a soak what follows the ledger)")
	flags.StringVar(&f.turn, "turn", "",
		"try of the parts that rotate only this share, such as 2/5: five runs, 0/5 to 4/5, reach all floors "+
			"(default all)")
	flags.BoolVar(&f.tells, "covered", false, "try nothing, and say what of each part the ledger has")
	flags.BoolVar(&f.json, "json", false, "write one JSON object per part and nothing else")
	flags.StringVar(&f.shard, "shard", "", "be one process of several")
	flags.Int64Var(&f.until, "until", 0, "end at this time")
	flags.StringVar(&f.shared, "shared", "", "folder that all processes share")
	flags.BoolVar(&f.answer, "answer", false, "answer seeds")
	flags.BoolVar(&f.serve, "serve", false, "be the server of a flood")
	for _, name := range []string{"shard", "until", "shared", "answer", "serve"} {
		flags.MarkHidden(name) // the flags exist
	}
	return cmd
}

func partList() string {
	var b strings.Builder
	for _, p := range proofs {
		fmt.Fprintf(&b, "  %-12s %s\n", p.Name(), p.Promise())
	}
	return b.String()
}

// chosen returns the parts of the given names, or all.
func chosen(names []string) ([]prove.Part, error) {
	if len(names) == 0 {
		return proofs, nil
	}
	var out []prove.Part
	var known []string
	for _, p := range proofs {
		known = append(known, p.Name())
	}
	for _, name := range names {
		found := false
		for _, p := range proofs {
			if p.Name() == name {
				out, found = append(out, p), true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no part %.32q; want one of %s", name, strings.Join(known, ", "))
		}
	}
	return out, nil
}

func (f *proveFlags) run(c *console, cmd *cobra.Command, parts []prove.Part) error {
	if f.answer {
		return same.Answer(os.Stdin, c.out)
	}
	if f.serve {
		return doors.Serve(os.Stdin, c.out)
	}
	if f.tells {
		if f.opt.Ledger == "" {
			return &badInput{"--covered wants --ledger, such as --ledger prove.ledger"}
		}
		return covered(c, f.opt.Ledger, parts, f.json)
	}
	if f.turn != "" {
		t, err := prove.ParseTurn(f.turn)
		if err != nil {
			return &badInput{"--turn: " + err.Error()}
		}
		if f.opt.Turn = t; f.opt.Soak {
			return &badInput{"--soak tries everything: leave out --turn"}
		}
	}
	if f.shard != "" {
		var index, of int
		if _, err := fmt.Sscanf(f.shard, "%d/%d", &index, &of); err != nil || index < 0 || index >= of ||
			len(parts) != 1 {
			return &badInput{"--shard wants index/number and one part"}
		}
		until := time.Time{}
		if f.until != 0 {
			until = time.UnixMilli(f.until)
		}
		prove.Child(parts[0], index, of, f.opt.First, f.opt.Turn, until, f.shared, os.Stdin, c.out)
		return nil
	}
	view := &proveView{c: c, json: f.json}
	if cmd.Flags().Changed("seed") {
		if len(parts) != 1 {
			return &badInput{"--seed wants one part"}
		}
		r := prove.Single(parts[0], f.seed)
		view.result(r)
		if !r.OK {
			return errNotProven
		}
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f.opt.Command = []string{self, "prove"}
	f.opt.Progress = view.progress
	told := context.AfterFunc(cmd.Context(), func() { fmt.Fprintln(c.err, "\ninterrupted; ends what is under way") })
	ok, err := prove.Run(cmd.Context(), parts, f.opt, view.result)
	if err == nil && ok && !told() {
		err = errProofStopped
	}
	if err == nil && !ok {
		err = errNotProven
	}
	return err
}

// errProofStopped ends the command as an interrupted one: what was tried until then held.
var errProofStopped = errors.New("interrupted: what was tried until then held, and the rest is not shown")

// errNotProven ends the command with the code of an internal fault; the view has said what does not hold.
var errNotProven = fmt.Errorf("not all of it holds")
