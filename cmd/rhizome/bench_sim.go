package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/bench"
)

// simFlags are the flags of rhizome bench sim.
type simFlags struct {
	json    bool
	seconds float64
	nodes   []int
	shards  int
	storm   int
	clients int
	shard   uint64 // of a child: the seed of its network
}

func newBenchSim(c *console) *cobra.Command {
	f := &simFlags{}
	cmd := &cobra.Command{
		Use:   "sim",
		Short: "Measure a simulated gossip job: messages a second, idle nodes",
		Args:  cobra.NoArgs,
		RunE: does(func(*cobra.Command, []string) error {
			if f.shard != 0 {
				return f.child(os.Stdin, c.out)
			}
			return f.run(c)
		}),
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.json, "json", false, "write one JSON object per metric and nothing else")
	flags.Float64Var(&f.seconds, "seconds", 5, "seconds that each size is measured for")
	flags.IntSliceVar(&f.nodes, "nodes", bench.DefaultSimSizes(), "sizes of the networks")
	flags.IntVar(&f.shards, "shards", 2,
		"networks that run at once, each in a process of its own, and share the processors")
	flags.IntVar(&f.storm, "storm", 10_000, "nodes that restart at once")
	flags.IntVar(&f.clients, "clients", 1000, "clients of the federated job; 0 leaves it out")
	flags.Uint64Var(&f.shard, "shard", 0, "be the process of the network with this seed")
	flags.MarkHidden("shard")
	return cmd
}

func (f *simFlags) run(c *console) error {
	if f.seconds <= 0 || f.seconds > 600 || f.shards < 1 || f.shards > 64 || f.storm < 1 || f.storm > 1<<20 ||
		f.clients < 0 || f.clients > 4096 {
		return errors.New("want seconds up to 600, 1 to 64 shards, a storm of 1 to 1,048,576 nodes and up to 4,096 " +
			"clients")
	}
	o := bench.SimOptions{
		Nodes: f.nodes, Shards: f.shards, Each: time.Duration(f.seconds * float64(time.Second)),
		Open: func(nodes int, seed uint64) (bench.SimShard, error) {
			return f.openShard("--nodes", nodes, seed)
		},
		Clients: f.clients,
		OpenClients: func(clients int, seed uint64) (bench.SimShard, error) {
			return f.openShard("--clients", clients, seed)
		},
	}
	emit := func(m bench.Metric) {
		if f.json {
			writeLine(c.out, m)
			return
		}
		fmt.Fprintln(c.out, benchLine(m))
	}
	if err := bench.Sim(o, emit); err != nil {
		return err
	}
	return bench.Storms(f.storm, emit)
}

// shardProcess is a network in a process of its own, which runs when it reads a line and answers with its result.
type shardProcess struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// openShard starts the process of a network and waits until the network is built.
func (f *simFlags) openShard(of string, nodes int, seed uint64) (*shardProcess, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "bench", "sim", of, strconv.Itoa(nodes), "--shard", strconv.FormatUint(seed, 10))
	cmd.Stderr = os.Stderr
	// what one network does, its collector included, must not take another's processor
	cmd.Env = append(os.Environ(), fmt.Sprintf("GOMAXPROCS=%d", max(1, runtime.NumCPU()/f.shards)))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	s := &shardProcess{cmd: cmd, in: in, out: bufio.NewReader(out)}
	if line, err := s.out.ReadString('\n'); err != nil || line != shardReady {
		s.Close()
		return nil, fmt.Errorf("the process of network %d did not begin: %q, %v", seed, line, err)
	}
	return s, nil
}

const shardReady = "ready\n"

// Run lets the network run.
func (s *shardProcess) Run(d time.Duration) (r bench.SimResult, err error) {
	if _, err = fmt.Fprintln(s.in, d); err != nil {
		return r, err
	}
	line, err := s.out.ReadBytes('\n')
	if err != nil {
		return r, err
	}
	return r, json.Unmarshal(line, &r)
}

// Close ends the process.
func (s *shardProcess) Close() error {
	s.in.Close() // it ends when there is nothing more to read
	return s.cmd.Wait()
}

// child is the process of one network.
func (f *simFlags) child(in io.Reader, out io.Writer) error {
	build, n := bench.NewClientShard, f.clients
	if len(f.nodes) == 1 {
		build, n = bench.NewSimShard, f.nodes[0]
	}
	network, err := build(n, f.shard)
	if err != nil {
		return err
	}
	defer network.Close()
	if _, err := io.WriteString(out, shardReady); err != nil {
		return err
	}
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		d, err := time.ParseDuration(lines.Text())
		if err != nil {
			return err
		}
		r, err := network.Run(d)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(out).Encode(r); err != nil {
			return err
		}
	}
	return lines.Err()
}
