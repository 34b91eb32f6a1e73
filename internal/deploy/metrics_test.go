package deploy

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// TestOutliersAreNamed holds the rule against what was measured: norms and cosines to the others of six sites, of which
// one had its labels swapped, and of the same six with right labels, whose updates point away from each other late,
// when little is left.
func TestOutliersAreNamed(t *testing.T) {
	type x = [2]job.Number
	look := func(rounds ...[]x) (told []string) {
		o := &outliers{}
		for i, all := range rounds {
			r := rundir.RoundMetrics{Round: i + 1}
			for k, c := range all {
				others := c[1]
				r.Clients = append(r.Clients, rundir.ClientRound{Name: fmt.Sprintf("client-%02d", k),
					Weighed: observe.Weighed{Measures: observe.Measures{Peer: wire.PeerID(fmt.Sprint(k)), Norm: c[0],
						Others: &others}}})
			}
			if text := o.look(&r); text != "" {
				told = append(told, text)
			}
		}
		return told
	}
	swapped := [][]x{
		{{4.06, .43}, {2.82, .63}, {3.6, .31}, {3.44, .02}, {1.65, .45}, {3.91, .6}},
		{{1.34, -.04}, {1.14, .36}, {1.64, .03}, {3.2, -.52}, {.76, .22}, {1.32, .21}},
		{{1.17, -.31}, {.97, .19}, {1.34, -.19}, {3.02, -.69}, {.72, .03}, {1.11, -.07}},
		{{.99, -.4}, {.86, -.06}, {1.2, -.38}, {2.88, -.76}, {.7, -.09}, {.95, -.28}},
		{{.93, -.48}, {.82, -.05}, {.91, -.52}, {2.52, -.83}, {.7, -.08}, {.79, -.32}},
		{{.81, -.49}, {.75, -.14}, {.91, -.41}, {2.44, -.82}, {.69, -.09}, {.77, -.37}},
		{{.75, -.64}, {.74, -.28}, {.8, -.6}, {2.28, -.87}, {.7, -.16}, {.65, -.52}},
	}
	if told := look(swapped...); len(told) != 1 || !strings.HasPrefix(told[0], "round 4:") || !strings.Contains(told[0],
		"client-03") {
		t.Errorf("swapped labels: %q", told)
	}
	right := [][]x{
		{{4.06, .57}, {2.82, .67}, {3.6, .3}, {3.91, .7}, {1.65, .49}, {3.51, .73}},
		{{.99, .15}, {.89, .48}, {1.48, .09}, {.96, .46}, {.74, .18}, {.92, .41}},
		{{.72, -.26}, {.62, -.03}, {.95, -.25}, {.61, -.11}, {.69, -.06}, {.62, 0}},
		{{.6, -.37}, {.56, -.04}, {.69, -.44}, {.44, -.15}, {.66, -.17}, {.55, -.17}},
		{{.43, -.35}, {.45, -.05}, {.72, -.38}, {.36, -.1}, {.67, -.18}, {.39, -.06}},
		{{.39, -.55}, {.42, -.29}, {.63, -.62}, {.27, -.35}, {.72, -.14}, {.32, -.39}},
		{{.36, -.63}, {.4, -.3}, {.63, -.62}, {.2, -.65}, {.72, -.14}, {.3, -.4}},
	}
	if told := look(right...); len(told) > 0 {
		t.Errorf("right labels: %q", told)
	}
	if told := look(swapped[0][2:4], swapped[1][2:4], swapped[2][2:4], swapped[3][2:4]); len(told) != 1 ||
		!strings.Contains(told[0], "client-00 and client-01") {
		t.Errorf("of two, nobody can tell which: %q", told)
	}
}

// TestASiteWithSwappedLabelsIsFound: of three sites, one with 9 - label is named in a warning; each round has figures
// of all three, in the events, in the file and in the status (case 18).
func TestASiteWithSwappedLabelsIsFound(t *testing.T) {
	w := newTogether(t)
	cfg := federated.Default()
	cfg.Rounds, cfg.Clients, cfg.Heartbeat = 15, 3, 100*time.Millisecond
	server := w.serve("server", &cfg, 10*time.Second)
	at := listening(server)
	for i := range 3 {
		part, _, err := cfg.PartText(i)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Split(strings.TrimSpace(string(part)), "\n")
		for k, line := range text {
			if i == 1 {
				text[k] = line[:len(line)-1] + string('0'+'9'-line[len(line)-1])
			}
		}
		file := filepath.Join(w.dir, fmt.Sprintf("part%d.csv", i))
		if err := os.WriteFile(file, []byte(strings.Join(text, "\n")+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		w.joinWith(fmt.Sprintf("c%d", i), at, JoinOptions{Member: i, Data: file})
	}
	hear(server, "the warning", func(x Warning) bool {
		return strings.Contains(x.Text, "client-01") && strings.Contains(x.Text, "classes") && !strings.Contains(x.Text,
			"client-00") && !strings.Contains(x.Text, "client-02")
	})
	if err := server.end(); err != nil {
		t.Fatal(err)
	}
	if n := count[RoundFigures](server); n != 15 {
		t.Errorf("figures of %d rounds, want 15", n)
	}
	if n := commandtest.RoundsIn(t, filepath.Join(w.dir, "server")); n != 15 {
		t.Errorf("%d rounds are written", n)
	}
	all := w.statusAt("server").Clients
	if len(all) != 3 {
		t.Fatalf("%+v", all)
	}
	for i, c := range all {
		if c.Name != job.ClientName(i) || c.Contributions != 15 || c.Refusals != 0 || c.Samples < 100 || c.Norm <= 0 ||
			c.Cosine == nil || c.Others == nil {
			t.Errorf("%+v", c)
		}
	}
	if *all[1].Others > -0.3 || all[1].Norm < 1.5*all[0].Norm {
		t.Errorf("the site with swapped labels does not stand out: %+v", all)
	}
}

// TestStatusSaysWhyAJobStopped: a job that stopped early is done, and its status says why, whether it runs or not.
func TestStatusSaysWhyAJobStopped(t *testing.T) {
	w := newTogether(t)
	cfg := federated.Default()
	cfg.Rounds, cfg.Clients, cfg.Heartbeat, cfg.Stop = 9, 2, 100*time.Millisecond, "loss patience=1 min_delta=9"
	server := w.serve("server", &cfg, 10*time.Second)
	at := listening(server)
	for i := range 2 {
		w.joinWith(fmt.Sprintf("c%d", i), at, JoinOptions{Member: i})
	}
	if err := server.end(); err != nil {
		t.Fatal(err)
	}
	if s := w.statusAt("server"); s.Done == nil || s.Done.Rounds != 2 ||
		!strings.Contains(s.Stopped, "the loss has not fallen by 9") {
		t.Errorf("%+v", s)
	}
}
