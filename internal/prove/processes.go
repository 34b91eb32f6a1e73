package prove

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// runPart spreads a part over processes and adds up what they say.
func runPart(ctx context.Context, p Part, opt Options, end time.Time) (*Result, error) {
	from, floors, turn := opt.Turn.of(p)
	if opt.First > 0 {
		from = opt.First
	}
	if opt.Soak && opt.First == 0 {
		var err error
		if from, err = nextSeed(opt.Ledger, p.Name()); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "rhizome-prove-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	r, start := newResult(p, floors, from), time.Now()
	r.Turn = turn.String()
	if err := prepare(p, dir); err != nil {
		r.refused(err)
		return r, nil
	}
	if !end.IsZero() {
		end = end.Add(time.Since(start))
	}
	g := &group{states: make([]State, opt.Shards)}
	var wait sync.WaitGroup
	for i := range opt.Shards {
		wait.Go(func() { g.child(ctx, p, opt, i, from, end, dir) })
	}
	finished := make(chan struct{})
	go func() { wait.Wait(); close(finished) }()
	g.watch(finished, func(total Counts) {
		if !opt.Soak && reached(r.Floors, total) {
			g.end()
		}
		if opt.Progress == nil {
			return
		}
		pr := Progress{Part: p.Name(), Elapsed: time.Since(start)}
		if len(r.Floors) > 0 {
			pr.What, pr.Floor = r.Floors[0].What, r.Floors[0].N
			pr.Done = total[pr.What]
		}
		if !end.IsZero() {
			pr.Left = max(0, time.Until(end))
		}
		opt.Progress(pr)
	})
	r.collect(g.states)
	r.judge()
	if opt.Soak { // a turn of a soak is as long as it is
		r.Missed, r.Scaled = nil, nil
		r.OK = r.Failed == 0 && r.Error == ""
	}
	if ctx.Err() != nil {
		r.stop()
	}
	r.Seconds = time.Since(start).Seconds()
	return r, nil
}

// group is the processes of a part.
type group struct {
	mu     sync.Mutex
	states []State
	inputs []io.Closer // closing them ends the processes
}

func reached(floors []Floor, total Counts) bool {
	for _, f := range floors {
		if total[f.What] < f.N {
			return false
		}
	}
	return true
}

// end asks the processes to end: their floors are reached.
func (g *group) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, in := range g.inputs {
		in.Close()
	}
	g.inputs = nil
}

// watch shows the sum of the counts from time to time until all have ended.
func (g *group) watch(finished <-chan struct{}, show func(Counts)) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-finished:
			return
		case <-tick.C:
		}
		total := Counts{}
		g.mu.Lock()
		for _, s := range g.states {
			total.add(s.Counts)
		}
		g.mu.Unlock()
		show(total)
	}
}

// endWithin is how long a process that is ended may take to end by itself. What it made lies in folders of this one,
// and its children end with it; a person who interrupts does not wait for a seed.
const endWithin = 800 * time.Millisecond

// child runs one process and takes over what it reports. A process that dies is a failure at the seed that it had last.
func (g *group) child(ctx context.Context, p Part, opt Options, i int, from uint64, end time.Time, dir string) {
	args := append([]string(nil), opt.Command...)
	args = append(args, p.Name(), "--shard", fmt.Sprintf("%d/%d", i, opt.Shards), "--first",
		strconv.FormatUint(from, 10), "--shared", dir)
	if turn := opt.Turn.String(); turn != "" {
		args = append(args, "--turn", turn)
	}
	if !end.IsZero() {
		args = append(args, "--until", strconv.FormatInt(end.UnixMilli(), 10))
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	var in io.WriteCloser
	if err == nil {
		in, err = cmd.StdinPipe()
	}
	if err == nil {
		// It ends by itself when its input ends, and puts away what it has made; after a while it is killed.
		cmd.Cancel, cmd.WaitDelay = in.Close, endWithin
		err = cmd.Start()
	}
	if err == nil {
		g.mu.Lock()
		g.inputs = append(g.inputs, in)
		g.mu.Unlock()
		g.read(i, out)
		err = cmd.Wait()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	s := &g.states[i]
	if s.Done || ctx.Err() != nil {
		return
	}
	text := fmt.Sprintf("the process ended: %v\n%s", err, tail(errs.String(), 4000))
	var seed uint64
	if mark, err := os.ReadFile(markFile(dir, i)); err != nil {
		s.Error = text
		return
	} else if _, err := fmt.Sscan(string(mark), &seed); err != nil {
		s.Error = text
		return
	}
	s.Failed++
	s.Failures = append(s.Failures, Failure{seed, text})
}

// markFile holds the seed that a shard is at.
func markFile(dir string, shard int) string {
	return filepath.Join(dir, fmt.Sprintf("shard-%d", shard))
}

func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// read takes the reports of a process.
func (g *group) read(i int, out io.Reader) {
	lines := bufio.NewReaderSize(out, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		var s State
		if json.Unmarshal(line, &s) == nil {
			g.mu.Lock()
			g.states[i] = s
			g.mu.Unlock()
		}
		if err != nil {
			return
		}
	}
}

// Child runs one shard of a part in this process, until the end of in, and writes its reports.
func Child(p Part, index, of int, first uint64, turn Turn, until time.Time, dir string, in io.Reader, out io.Writer) {
	_, _, turn = turn.of(p)
	enc := json.NewEncoder(out)
	s := &Shard{
		Index: index, Of: of, Dir: dir, Turn: turn, first: first, deadline: until, ended: make(chan struct{}),
		report: func(st *State) { enc.Encode(st) },
	}
	go func() {
		io.Copy(io.Discard, in) // a parent that is gone ends it too
		close(s.ended)
	}()
	if dir != "" {
		if f, err := os.Create(markFile(dir, index)); err == nil {
			defer f.Close()
			s.mark = f
		}
	}
	s.run(p)
}
