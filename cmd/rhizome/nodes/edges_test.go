package nodes_test

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// TestEdgesOnAPhoneNetwork: where links come up late and messages overtake each other while all nodes join, the server
// loses no client of an edge, and the model is that of the job without edges. A crash would have an edge tell all anew,
// and hide that it did.
func TestEdgesOnAPhoneNetwork(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edges.yaml")
	write(t, path, "name: edges\ndata: digits\nrounds: 4\nclients: 7\nepochs: 1\nbatch: 16\nlearning_rate: 0.1\n"+
		"strategy: fedadam rate=0.03\n")
	for _, of := range []struct{ edges, seed int }{{7, 13}, {5, 32}, {3, 37}, {3, 51}} {
		var model string
		for _, edges := range []int{0, of.edges} {
			o := rhizome(t, "sim", path, "--set", "edges="+strconv.Itoa(edges), "--network", "edge", "--seed",
				strconv.Itoa(of.seed), "--time", "10m", "--json")
			lines := strings.Split(strings.TrimSpace(o.Out), "\n")
			var done struct {
				Completed bool
				Model     string `json:"model_sha256"`
			}
			if err := json.Unmarshal([]byte(lines[len(lines)-1]), &done); err != nil || !done.Completed ||
				done.Model == "" || edges > 0 && done.Model != model {
				t.Errorf("seed %d, %d edges: %v, %+v, without edges %s, %s", of.seed, edges, err, done, model, o.Err)
			}
			model = done.Model
		}
	}
}

// TestEdgesAsProcesses: a server, edges and clients in processes of their own come to the model of the job without
// edges, when nodes of each sort are killed and started again, and when an edge never comes back: the operator has
// another one come in its place, or takes it from the members, and its clients join another with their keys. A client
// that is stopped keeps the job from its end before.
func TestEdgesAsProcesses(t *testing.T) {
	dir := t.TempDir()
	in := func(name string) string { return filepath.Join(dir, name) }
	path := in("edges.yaml")
	write(t, path, "name: edges\ndata: digits\nrounds: 3\nclients: 4\nedges: 2\nepochs: 1\nbatch: 16\nlearning_rate: 0.1\n"+
		"strategy: fedadam rate=0.03\n")
	want := rhizome(t, "run", path, "--set", "edges=0", "--json", "--dir", in("flat")).Result(t)
	nodes, lines := map[string]*started{}, map[string]string{}
	up := func(name string, args ...string) {
		t.Helper()
		nodes[name] = start(t, dir, append(args, "--json", "--dir", in(name), "--listen", loopback)...)
		nodes[name].Await(t, "a start", isEvent("listening"))
	}
	down := func(names ...string) {
		for _, name := range names {
			nodes[name].Cmd.Process.Kill()
			nodes[name].End(t)
		}
	}
	invited := func(name string) {
		t.Helper()
		lines[name] = nodes[name].Await(t, "an invitation", isEvent("invitation")).Invitation
	}
	server := []string{"server", path}
	up("server", server...)
	invited("server")
	up("e0", "join", "--edge", lines["server"])
	invited("e0")
	up("e1", "join", "--edge", lines["server"])
	invited("e1")
	for name, args := range map[string][]string{"a client at the server": {"join", lines["server"]},
		"an edge at an edge": {"join", "--edge", lines["e0"]}, "data at an edge": {"join", "--edge", "--data", path}} {
		if o := rhizome(t, append(args, "--dir", in("none"), "--listen", loopback)...); o.Code != exitBad {
			t.Errorf("%s: %+v", name, o)
		}
	}
	join := func(client, edge string) { up(client, "join", lines[edge]) }
	join("c0", "e0")
	join("c1", "e1")
	commandtest.RunUntil(t, "a client of an edge", func(o commandtest.Outcome) bool {
		return o.Code == exitOK && strings.Contains(o.Out, "client-01")
	}, "members", "--dir", in("server"))
	nodes["c1"].Cmd.Process.Signal(syscall.SIGSTOP) // and so no round can end
	for _, again := range [][]string{{"e0", "join"}, append([]string{"server"}, server...),
		{"c0", "join"}} {
		down(again[0])
		up(again[0], again[1:]...)
	}
	join("c2", "e0")
	join("c3", "e1")
	commandtest.RunUntil(t, "the clients of both edges", func(o commandtest.Outcome) bool {
		return o.Code == exitOK && strings.Count(o.Out, "edge-00") == 3 && strings.Count(o.Out, "edge-01") == 3
	}, "members", "--dir", in("server"))
	commandtest.RunUntil(t, "a status", func(o commandtest.Outcome) bool {
		return o.Code == exitOK && strings.Contains(o.Out, `"role":"edge"`) && strings.Contains(o.Out, "client-02")
	}, "status", "--json", "--dir", in("e0"))

	done := func(what string, args ...string) commandtest.Outcome {
		t.Helper()
		return commandtest.RunUntil(t, what, func(o commandtest.Outcome) bool { return o.Code == exitOK }, args...)
	}
	down("e1", "c1", "c3")
	var other struct{ Peer string }
	jsonOf(t, rhizome(t, "id", "--new", "--json", "--dir", in("e2")), &other)
	done("another edge", "members", "replace", "edge-01", other.Peer, "--dir", in("server"))
	up("e2", "join", "--edge", lines["server"])
	invited("e2")
	up("m3", "join", lines["e2"], "--as", in("c3"))
	commandtest.RunUntil(t, "a client of the other edge", func(o commandtest.Outcome) bool {
		return o.Code == exitOK && slices.ContainsFunc(strings.Split(o.Out, "\n"), func(line string) bool {
			return strings.Contains(line, "client-03  up") && strings.Contains(line, "edge-01")
		})
	}, "members", "--dir", in("server"))

	down("e2", "m3")
	done("the end of an edge", "members", "remove", "edge-01", "--dir", in("server"))
	var more struct{ Invitation string }
	jsonOf(t, done("an invitation", "invite", "--uses", "2", "--json", "--dir", in("e0")), &more)
	up("n1", "join", more.Invitation, "--as", in("c1"))
	up("n3", "join", more.Invitation, "--as", in("m3"))
	if got := nodes["server"].Await(t, "the result", isEvent("done")); got.ModelSHA256 != want.ModelSHA256 ||
		got.Rounds != want.Rounds {
		t.Errorf("%+v, without edges %+v", got, want)
	}
	for _, name := range []string{"server", "e0", "c0", "n1", "c2", "n3"} {
		if code := nodes[name].End(t); code != exitOK {
			t.Errorf("%s ends with code %d: %s", name, code, nodes[name].Errs)
		}
	}
}
