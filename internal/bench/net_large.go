package bench

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

// largeRounds is how many rounds a large model is trained for: the first one begins with the start of all processes and
// does not count for the time of a round.
const largeRounds = 3

// netLarge measures what a server of a large model and its clients take in memory at most, as the system counts it, and
// how long a round takes, with two and with ten clients, each in a process of its own. The clients train: one pass over
// the digits in each round.
func netLarge(r *netRun, emit func(Metric)) error {
	if _, err := peakOf(os.Getpid()); err != nil {
		return fmt.Errorf("the large part reads the memory of processes from /proc: %w", err)
	}
	for _, clients := range r.Clients {
		server, client, round, model, err := r.large(clients)
		if err != nil {
			return err
		}
		of, each := fmt.Sprintf("_%d_clients", clients), fmt.Sprintf("the model's parameters, %.3g MB",
			float64(model)/1e6)
		emit(metric(netBench, "server_peak_per_model"+of, float64(server)/float64(model), "", 1, each).aim(2))
		emit(metric(netBench, "client_peak_per_model"+of, float64(client)/float64(model), "", 1,
			each+", of the client that takes most").aim(3.2))
		moved := float64(2*clients*model) / round.Seconds()
		emit(metric(netBench, "large_round_s"+of, round.Seconds(), "s", float64(2*clients*model)/1e9,
			fmt.Sprintf("GB that travel in a round, %.0f MB/s with the training", moved/1e6)))
	}
	return nil
}

// large trains with so many clients and returns the peaks of the server and of the client that takes most, the median
// time of a round, and the size of the model.
func (r *netRun) large(clients int) (peak, most int, round time.Duration, model int, err error) {
	c, err := kinds.FindServed("large")
	if err == nil {
		c, err = job.With(c, map[string]string{"clients": strconv.Itoa(clients), "rounds": strconv.Itoa(largeRounds),
			"hidden": strconv.Itoa(r.Hidden)})
	}
	if err != nil {
		return 0, 0, 0, 0, err
	}
	dir := filepath.Join(r.dir, fmt.Sprintf("large%d.bench", clients))
	defer os.RemoveAll(dir)
	p, err := r.Train(c, dir)
	if err != nil {
		return 0, 0, 0, 0, err
	}
	var rounds []time.Duration
	var last time.Time
	var trained []int
	server, done := 0, false
	lines := bufio.NewScanner(p.Out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e struct {
			Event, Node, State string
			PID                int
		}
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		switch {
		case e.State != "started":
		case e.Node == "server":
			server = e.PID
		default:
			trained = append(trained, e.PID)
		}
		if e.Event == "round" {
			if now := time.Now(); last.IsZero() {
				last = now
			} else {
				rounds, last = append(rounds, now.Sub(last)), now
			}
		}
		done = done || e.Event == "done"
		if n, err := peakOf(server); err == nil { // it never gets less, so the last word counts
			peak = n
		}
		for _, pid := range trained {
			if n, err := peakOf(pid); err == nil {
				most = max(most, n)
			}
		}
	}
	if err := errors.Join(lines.Err(), p.End()); err != nil {
		return 0, 0, 0, 0, err
	}
	if !done || len(rounds) == 0 || peak == 0 || most == 0 {
		return 0, 0, 0, 0,
			fmt.Errorf("the job with %d clients told %d rounds and no result, or the memory of its processes could "+
				"not be read", clients, len(rounds))
	}
	slices.Sort(rounds)
	return peak, most, rounds[len(rounds)/2], c.ModelBytes(), nil
}

// peakOf returns the most memory that a process has had, in bytes, as Linux counts it.
func peakOf(pid int) (int, error) {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if text, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(text), "kB")))
			return n << 10, err
		}
	}
	return 0, errors.New("no VmHWM is told")
}
