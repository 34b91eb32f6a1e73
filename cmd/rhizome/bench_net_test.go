package main

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
)

// netMetrics are what bench net prints in miniature.
var netMetrics = []string{
	"null_rounds_per_s_durable", "null_round_server_syncs", "null_round_server_cpu_us", "null_rounds_per_s_memory",
	"null_rounds_per_s_durable_quic", "null_rounds_per_s_memory_quic", "send_mb_per_s", "send_mb_per_s_quic",
	"start_to_registered_ms", "client_idle_rss_mb", "server_peak_per_model_2_clients",
	"client_peak_per_model_2_clients", "large_round_s_2_clients", "binary_mb",
	"fleet_cpu_us_per_update_10", "fleet_updates_per_s_40", "fleet_cpu_us_per_update_ratio_40_to_10",
	"fleet_register_s_40", "fleet_server_kb_per_client",
}

// TestBenchNet runs the bench of the network in miniature, each node in a process of its own.
func TestBenchNet(t *testing.T) {
	cmd, out, errs := command(t, "bench", "net", "--rounds", "20", "--repeat", "1", "--stream", "4194304", "--hidden",
		"300", "--clients", "2", "--fleet", "10,40", "--updates", "40", "--dir", t.TempDir(), "--json")
	if err := cmd.Run(); err != nil {
		t.Fatal(err, errs)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var m struct {
			Bench, Metric, Better string
			Value, Denominator    float64
		}
		if err := json.Unmarshal([]byte(line), &m); err != nil || m.Bench != "net" || m.Value <= 0 ||
			m.Denominator <= 0 || m.Better == "" {
			t.Errorf("%s: %v", line, err)
		}
		names = append(names, m.Metric)
	}
	if !slices.Equal(names, netMetrics) {
		t.Errorf("metrics %s", names)
	}
	for _, bad := range [][]string{{"--rounds", "1"}, {"--repeat", "0"}, {"--parts", "nothing"}, {"--fleet", "100"}} {
		cmd, _, errs := command(t, append([]string{"bench", "net"}, bad...)...)
		if err := cmd.Run(); err == nil || errs.Len() == 0 {
			t.Errorf("%v was taken", bad)
		}
	}
}
