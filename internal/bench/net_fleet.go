package bench

import (
	"fmt"
	"path/filepath"
	"time"
)

// fleetPatience bounds how long a fleet takes to register and to do its rounds.
const fleetPatience = 10 * time.Minute

// fleetMost is how many light nodes a process holds.
const fleetMost = 2500

// netFleets measures empty rounds of one server whose clients are light nodes in a few processes: what an update costs
// the server must not grow with those who are there.
func netFleets(r *netRun, emit func(Metric)) error {
	first, last := r.Fleet[0], r.Fleet[len(r.Fleet)-1]
	var small netAnswer
	for i, members := range r.Fleet {
		cohort := members
		if i > 0 {
			cohort /= 10
		}
		rounds := max(1, r.Updates/cohort)
		a, err := r.fleet(members, cohort, rounds)
		if err != nil {
			return fmt.Errorf("a fleet of %d: %w", members, err)
		}
		updates := float64(cohort * rounds)
		a.CPU, a.Seconds = a.CPU/updates, a.Seconds/updates
		if i == 0 {
			small = a
			emit(metric(netBench, fmt.Sprintf("fleet_cpu_us_per_update_%d", members), 1e6*a.CPU, "us", 1e6*a.Seconds,
				"the time of an update"))
			continue
		}
		of := fmt.Sprintf("the same with %d clients, all asked", first)
		emit(metric(netBench, fmt.Sprintf("fleet_updates_per_s_%d", members), 1/a.Seconds, "1/s", 1/small.Seconds,
			of).higher())
		if members != last {
			continue
		}
		emit(metric(netBench, fmt.Sprintf("fleet_cpu_us_per_update_ratio_%d_to_%d", members, first), 1e6*a.CPU, "us",
			1e6*small.CPU, of).aimRatio(1.5))
		emit(metric(netBench, fmt.Sprintf("fleet_register_s_%d", members), a.First, "s",
			small.First*float64(members)/float64(first), fmt.Sprintf("as long for each as with %d clients", first)))
		emit(metric(netBench, "fleet_server_kb_per_client", kilobytes(a, members), "KB", kilobytes(small, first),
			fmt.Sprintf("the same with %d clients", first)))
	}
	return nil
}

// kilobytes is by what the server's memory grew for each client.
func kilobytes(a netAnswer, members int) float64 { return max(0.001, a.Own/1024/float64(members)) }

// fleet runs a server and its clients once, and returns what the server measured.
func (r *netRun) fleet(members, cohort, rounds int) (netAnswer, error) {
	processes := (members + fleetMost - 1) / fleetMost
	dir, remove := r.place()
	defer remove()
	spec := netSpec{Role: "server", Rounds: rounds, Warm: max(1, rounds/10), Bytes: r.Bytes, Members: members,
		Cohort: cohort, Dir: filepath.Join(dir, "0")}
	var around []netSpec
	for i := range processes {
		c := spec
		c.Role, c.Dir = "fleet", ""
		c.Index, c.Count = 1+members*i/processes, members*(i+1)/processes-members*i/processes
		around = append(around, c)
	}
	return r.together(spec, around, fleetPatience)
}
