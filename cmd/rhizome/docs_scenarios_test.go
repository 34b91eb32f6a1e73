package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// scenarios say how the commands of a section are typed.
var scenarios = map[string]func(*section){
	"README.md, Quick start":                        theTwoCommands,
	"README.md, Install":                            install,
	"README.md, Your own model and data":            modelAndData,
	"README.md, Kill it":                            killIt,
	"README.md, Simulate it":                        simulateIt,
	"README.md, Try to break it":                    tryToBreakIt,
	"README.md, The command":                        jobsOfOnesOwn,
	"CONTRIBUTING.md, From clone to the first test": firstTest,
	"CONTRIBUTING.md, A failing seed":               failingSeed,
}

// served are the sections that speak of one server and its clients, in their order.
var served = []string{"README.md, Two machines", "README.md, Looking back, and going back", "README.md, Backups"}

func theTwoCommands(s *section) {
	s.shows(s.run("go run ./cmd/rhizome run"))
	s.skip("go test ./...", "this is one of its tests")
}

func install(s *section) {
	s.skip("go install github.com/rhizome-ml/rhizome/cmd/rhizome@latest",
		"it takes the release; that the module has this name and replaces no other is looked at")
	if mod, err := os.ReadFile("../../go.mod"); err != nil || !strings.HasPrefix(string(mod),
		"module github.com/rhizome-ml/rhizome\n") || strings.Contains(string(mod), "replace") {
		s.t.Errorf("go.mod: %v\n%.200s", err, mod)
	}
	s.skip("go install ./cmd/rhizome", "it would change this machine; that the folder is a command is looked at")
	if out := s.shell(".", "go list -f {{.Name}}:{{.Dir}} ../../cmd/rhizome"); !strings.HasPrefix(out, "main:") ||
		!strings.HasSuffix(out, "/cmd/rhizome\n") {
		s.t.Errorf("%q", out)
	}
	s.skip("make release",
		"it builds for six platforms; internal/release/TestRelease makes an archive twice, in .ci/run")
}

func killIt(s *section) {
	s.fill("400", "30") // with the same end whether the signal hits the run or comes after it
	// a run that is killed before it has noted its settings is none: however slow the machine is, this one has
	s.fill("sleep 1", "until [ -e .rhizome/digits/run.json ]; do sleep 0.05; done; sleep 0.1")
	s.run("rhizome run --rounds")
	on := s.run("rhizome run")
	if chaos := s.run("rhizome run --chaos"); hashOf(s.t, chaos, "sha256") != hashOf(s.t, on, "sha256") ||
		!strings.Contains(on, "30 rounds") {
		s.t.Errorf("after a kill\n%s\nwith chaos\n%s", on, chaos)
	}
}

// modelAndData begins with files of one's own.
func modelAndData(s *section) {
	flowers(s.t, filepath.Join(s.dir, "train.csv"))
	flowers(s.t, filepath.Join(s.dir, "test.csv"))
	pictures(s.t, filepath.Join(s.dir, "images.csv"))
	file, err := os.ReadFile("../../internal/importer/testdata/zoo/cnn_pool_ceil.onnx")
	if err != nil {
		s.t.Fatal(err)
	}
	write(s.t, filepath.Join(s.dir, "cnn.onnx"), string(file))
	s.run("rhizome init --data")
	s.run("rhizome run job.yaml")
	if out := s.run("rhizome evaluate"); !strings.Contains(out, "accuracy") || !strings.Contains(out, "rose") {
		s.t.Errorf("evaluate said %s", out)
	}
	if out := s.run("rhizome export"); !strings.Contains(out, "model.safetensors: 6 parameters and buffers") {
		s.t.Errorf("export said %s", out)
	}
	if out := s.run("rhizome init --model"); !strings.Contains(out, "by pytorch") {
		s.t.Errorf("init said %s", out)
	}
	s.skip("rhizome server", "TestClientsBringTheirOwn runs a server and its clients")
	s.skip("rhizome join", "so it does")
}

func simulateIt(s *section) {
	write(s.t, filepath.Join(s.dir, "mine.yaml"), inProcess("job", "show", "gossip", "--set", "rounds=5").Out)
	for name, file := range map[string]string{"wan.yaml": "presets/wan.yaml", "p.yaml": "faultsets/storm.yaml"} {
		text, err := os.ReadFile("../../internal/sim/conditions/" + file)
		if err != nil {
			s.t.Fatal(err)
		}
		write(s.t, filepath.Join(s.dir, name), string(text))
	}
	s.fill("100000", "300")
	s.fill("10000", "50")
	s.shows(s.run("rhizome sim digits --network edge --faults storm"))
	s.run("rhizome sim gossip", "--rounds", "3")
	s.run("rhizome sim mine.yaml")
	table := s.run("rhizome sim digits --seeds 3", "--rounds", "2")
	if !strings.Contains(table, "12 runs: 4 of settings") {
		s.t.Errorf("the sweep said %s", table)
	}
	if page, err := os.ReadFile(filepath.Join(s.dir, "out.html")); err != nil || len(page) < 1000 {
		s.t.Errorf("the report has %d bytes, %v", len(page), err)
	}
}

func tryToBreakIt(s *section) {
	s.fill("--seeds 100", "--seeds 4")
	s.run("rhizome sim --seed 42")
	s.run("rhizome sim --seed 1 --seeds")
	s.skip("rhizome prove", "it takes hours; CI does it, and TestProve a part")
}

func jobsOfOnesOwn(s *section) {
	s.run("rhizome job show digits > mine.yaml")
	s.run("rhizome job schema > job.schema.json")
	if got := hashOf(s.t, s.run("rhizome run mine.yaml"), "sha256"); got != shownHash(s, "  sha256") {
		s.t.Errorf("model %s", got)
	}
	s.run("rhizome run mine.yaml --set", "--rounds", "2")
	s.run("rhizome run --dir steps --set strategy", "--rounds", "2")
}

// shownHash returns the hash that README.md shows behind a word.
func shownHash(s *section, word string) string {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		s.t.Fatal(err)
	}
	return hashOf(s.t, string(text), word)
}

// twoMachines: b and c, each with its own part of the data, whoever comes first; b stands still while a is kept, then a
// is lost, and d goes on in its place.
func twoMachines(s *section) {
	in := func(path ...string) string { return filepath.Join(append([]string{s.dir}, path...)...) }
	want := hashOf(s.t, s.shell(s.dir, "rhizome run --clients 2 --dir undisturbed"), "sha256")
	s.fill(`/ip4/0\.0\.0\.0/(tcp|udp)/4001`, "/ip4/127.0.0.1/$1/0")
	server := s.start("rhizome server --clients 2")
	at := server.Await(s.t, "its address", isEvent("listening"))
	invitation := server.Await(s.t, "an invitation", isEvent("invitation")).Invitation
	s.shows("…Qwjj3VPR: job digits, program " + at.Digest[:12] +
		"\nclosed but for this invitation (rhizome invite makes others); clients come with:\n")
	s.fill(`rhizome:\S+…`, invitation)
	s.run("rhizome data digits --part 0")
	text, dir := s.next("rhizome join rhizome:")
	s.run("rhizome data digits --part 1")
	c := s.start("rhizome join rhizome:", "--listen", loopback)
	server.Await(s.t, "the first client", isEvent("joined"))
	b := start(s.t, dir, append(strings.Fields(text)[1:], "--json", "--listen", loopback)...)
	server.Await(s.t, "a round", func(e told) bool { return e.Event == "round" && e.Round >= 3 })
	b.Cmd.Process.Signal(syscall.SIGSTOP)
	s.run("rhizome backup .rhizome/digits-server")
	server.Cmd.Process.Kill()
	server.End(s.t)
	kept, err := os.ReadFile(in("a", "server.rhizome"))
	if err != nil {
		s.t.Fatal(err)
	}
	write(s.t, in("d", "server.rhizome"), string(kept))
	s.run("rhizome restore server.rhizome --dir again --as move")
	again := s.start("rhizome server --dir again", "--linger", "20s")
	again.Await(s.t, "its address", isEvent("listening"))
	b.Cmd.Process.Signal(syscall.SIGCONT)
	if got := again.Await(s.t, "the result", isEvent("done")).ModelSHA256; got != want {
		s.t.Errorf("the model of two machines is %s, that of a run %s", got, want)
	}
	for _, p := range []*started{again, b, c} {
		if code := p.End(s.t); code != exitOK {
			s.t.Errorf("exit code %d, %s", code, p.Errs)
		}
	}

	quick := []string{"--rounds", "3", "--period", "50ms", "--lan=false", "--listen", loopback, "--dir"}
	first := s.start("rhizome peer gossip", append(quick, "first")...)
	s.fill(`/ip4/192\.0\.2\.7/udp/41331\S+`, first.Await(s.t, "its address", isEvent("listening")).Addresses[0])
	second := s.start("rhizome peer gossip --bootstrap", append(quick, "second")...)
	second.Await(s.t, "a link", func(e told) bool { return e.Event == "link" && e.Up })

	relay := s.start("rhizome relay")
	s.fill(`/ip4/192\.0\.2\.7/udp/4001\S+`, relay.Await(s.t, "its address", isEvent("listening")).Addresses[0])
	quick = []string{"--listen", "/ip4/127.0.0.1/udp/0/quic-v1", "--dir"}
	server = s.start("rhizome server --clients 2 --via", append(quick, "behind", "--rounds", "3", "--linger", "20s")...)
	invitation = server.Await(s.t, "an invitation", isEvent("invitation")).Invitation
	s.fill("INVITATION", invitation)
	text, dir = s.next("rhizome join")
	for _, name := range []string{"b", "c"} {
		b = start(s.t, dir, append(append(strings.Fields(text)[1:], "--json"), append(quick, name)...)...)
	}
	server.Await(s.t, "the result", isEvent("done"))
	b.Await(s.t, "the result", isEvent("done"))
}

func lookBack(s *section) {
	s.fill("--rounds 40", "--rounds 16")
	hash := hashOf(s.t, s.run("rhizome run --rounds"), "sha256")
	if dump := s.run("rhizome journal dump"); !regexp.MustCompile(`(?m)^\s+110 `).MatchString(dump) {
		s.t.Errorf("no record 110 in\n%s", dump)
	}
	s.run("rhizome journal replay")
	s.run("rhizome snapshot diff")
	s.run("rhizome fork .rhizome/digits --at 12")
	if got := hashOf(s.t, s.shell(s.dir, "rhizome run --dir .rhizome/digits-at-12"), "sha256"); got != hash {
		s.t.Errorf("the fork has the model %s, the run %s", got, hash)
	}
	s.run("rhizome fork .rhizome/digits --at 12 --set learning_rate=0.05 --dir slow")
	s.run("rhizome run --dir slow")

	s.fill(`\.rhizome/digits-server`, "d/again") // that of the job that came to its end
	s.fill("--at 16", "--at 78")                 // which is kept also where much had happened before the backup
	s.run("rhizome fork")
	server := s.start("rhizome server --dir slower", "--listen", loopback, "--linger", "20s")
	at := server.Await(s.t, "its address", isEvent("listening"))
	s.fill("ADDR", at.Addresses[0])
	text, _ := s.next("rhizome join")
	text += " --trust " + at.Digest // what a person says yes to
	var clients []*started
	for _, machine := range []string{"b", "c"} {
		clients = append(clients, start(s.t, filepath.Join(s.dir, machine), append(strings.Fields(text)[1:], "--json",
			"--listen", loopback)...))
	}
	server.Await(s.t, "the result", isEvent("done"))
	for _, p := range append(clients, server) {
		if code := p.End(s.t); code != exitOK {
			s.t.Errorf("exit code %d, %s", code, p.Errs)
		}
	}
}

func backUp(s *section) {
	s.fill(`\.rhizome/digits-server`, "d/again")
	s.fill("/backups", s.dir)
	s.run("rhizome backup")
	s.run("rhizome restore")
	server := s.start("rhizome server --dir server-again", "--listen", loopback)
	server.Await(s.t, "its address", isEvent("listening"))
	server.Cmd.Process.Kill()
	server.End(s.t)
	s.run("rhizome restore")
	if out := s.run("rhizome snapshot inspect then"); len(out) < 100 {
		s.t.Errorf("%q", out)
	}
}

func firstTest(s *section) {
	s.skip("git clone", "this is its tree")
	s.run("go run ./cmd/rhizome run", "--rounds", "2")
	for range 3 {
		testThatExists(s)
	}
	s.skip("go test ./...", "this is one of its tests")
	s.run("go run ./cmd/rhizome sim --seed 42")
	s.skip("go run ./cmd/rhizome prove", "it takes hours; CI does it, and TestProve a part")
	s.skip(".ci/run", "it runs this test")
	if _, err := os.Stat("../../.ci/run"); err != nil {
		s.t.Error(err)
	}
}

// testThatExists looks whether the next command names a package and a test that are there.
func testThatExists(s *section) {
	text, _ := s.next("go test ./")
	words := strings.Fields(text)
	files, err := filepath.Glob(filepath.Join("..", "..", words[2], "*_test.go"))
	if err != nil || len(files) == 0 {
		s.t.Errorf("%q: no tests are there (%v)", text, err)
	}
	all := ""
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			s.t.Fatal(err)
		}
		all += string(b)
	}
	if _, name, ok := strings.Cut(text, "-run "); ok && !strings.Contains(all, "\nfunc "+strings.Fields(name)[0]) {
		s.t.Errorf("%q: there is no such test", text)
	}
}

func failingSeed(s *section) {
	s.run("rhizome sim --seed 123")
	s.run("rhizome sim --seed 123 --strikes")
	s.run("rhizome prove restores --seed 123")
}
