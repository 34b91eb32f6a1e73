package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestBenchSim runs the bench of the simulator in miniature, each shard in a process of its own.
func TestBenchSim(t *testing.T) {
	cmd, out, errs := command(t, "bench", "sim", "--nodes", "20,30", "--shards", "2", "--seconds", "0.05", "--storm",
		"50", "--clients", "12", "--json")
	if err := cmd.Run(); err != nil {
		t.Fatal(err, errs)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var m struct {
			Bench, Metric, Better string
			Value, Denominator    float64
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Bench != "sim" || m.Value <= 0 ||
			m.Denominator <= 0 || m.Better == "" {
			t.Errorf("%s: %v", line, err)
		}
		names = append(names, m.Metric)
	}
	if got := strings.Join(names,
		" "); got != "messages_per_s_20 messages_per_cpu_s_20 messages_per_s_30 messages_per_cpu_s_30 "+
		"idle_bytes_per_node client_rounds_per_s_12 client_rounds_per_cpu_s_12 client_rounds_peak_mb_12 "+
		"reconnects_peak_per_10ms_clients_50 reconnects_peak_per_10ms_clients_50_alike "+
		"reconnects_peak_per_10ms_clients_server_away_50 reconnects_peak_per_10ms_clients_server_away_50_alike "+
		"reconnects_peak_per_10ms_peers_50 reconnects_peak_per_10ms_peers_50_alike" {
		t.Errorf("metrics %s", got)
	}
	for _, bad := range [][]string{{"--seconds", "0"}, {"--shards", "0"}, {"--nodes", "1"}, {"--storm", "0"},
		{"--clients", "5000"}} {
		cmd, _, errs := command(t, append([]string{"bench", "sim"}, bad...)...)
		if err := cmd.Run(); err == nil || errs.Len() == 0 {
			t.Errorf("%v was taken", bad)
		}
	}
}
