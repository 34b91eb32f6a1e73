package bench

import (
	"fmt"
	"path/filepath"
	"slices"
)

// netRounds measures empty rounds of a server and two clients, each a process: on disks with every effect held back
// until its inputs are durable, and on disks in memory. The denominator is a bare loop over the same sockets that
// writes the same packets to the same disks, and does nothing else.
func netRounds(r *netRun, emit func(Metric)) error {
	for _, kind := range []struct {
		name          string
		durable, quic bool
		aim           float64
	}{
		{"null_rounds_per_s_durable", true, false, 1000},
		{"null_rounds_per_s_memory", false, false, 0},
		{"null_rounds_per_s_durable_quic", true, true, 0},
		{"null_rounds_per_s_memory_quic", false, true, 0},
	} {
		bare, err := r.middle("hub", "echo", kind.durable, kind.quic)
		if err != nil {
			return fmt.Errorf("bare rounds: %w", err)
		}
		a, err := r.middle("server", "client", kind.durable, kind.quic)
		if err != nil {
			return err
		}
		what := "a bare loop over the same sockets"
		if kind.durable {
			what += " that syncs the same bytes"
		}
		m := metric(netBench, kind.name, float64(r.Rounds)/a.Seconds, "1/s", float64(r.Rounds)/bare.Seconds,
			what).higher()
		if kind.aim > 0 {
			m = m.aim(kind.aim)
		}
		emit(m)
		if kind.durable && !kind.quic {
			emit(metric(netBench, "null_round_server_syncs", float64(a.Syncs)/float64(r.Rounds), "", 1,
				"one, with all that a round brings").aim(1.5))
			emit(metric(netBench, "null_round_server_cpu_us", 1e6*a.CPU/float64(r.Rounds), "us",
				1e6*bare.CPU/float64(r.Rounds), "what the bare loop's server takes").aim(450))
		}
	}
	return nil
}

// middle runs a server and its clients several times and returns the median.
func (r *netRun) middle(server, client string, durable, quic bool) (netAnswer, error) {
	all := make([]netAnswer, r.Repeat)
	for i := range all {
		var err error
		if all[i], err = r.trio(server, client, durable, quic); err != nil {
			return netAnswer{}, err
		}
	}
	slices.SortFunc(all, func(a, b netAnswer) int {
		if a.Seconds < b.Seconds {
			return -1
		}
		return 1
	})
	return all[len(all)/2], nil
}

// trio runs a server and two clients once and returns what the server measured.
func (r *netRun) trio(server, client string, durable, quic bool) (netAnswer, error) {
	dir, remove := r.place()
	defer remove()
	spec := netSpec{Role: server, QUIC: quic, Rounds: r.Rounds, Warm: r.Rounds / 10, Bytes: r.Bytes}
	at := func(i int) string {
		if !durable {
			return ""
		}
		return filepath.Join(dir, fmt.Sprint(i))
	}
	spec.Dir = at(0)
	var around []netSpec
	for i := 1; i < netNodes; i++ {
		c := spec
		c.Role, c.Index, c.Dir = client, i, at(i)
		around = append(around, c)
	}
	return r.together(spec, around, netPatience)
}
