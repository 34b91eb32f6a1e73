package main

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestBadInput gives the command what it cannot use: exit code 2, one clear line, nothing on stdout, and nothing
// changed.
func TestBadInput(t *testing.T) {
	dir := t.TempDir()
	run := filepath.Join(dir, "run")
	small := []string{"--rounds", "3", "--clients", "2"}
	if o := rhizome(t, append([]string{"run", "--json", "--dir", run}, small...)...); o.Code != 0 {
		t.Fatal(o)
	}
	file := func(name, text string) string { return write(t, filepath.Join(dir, name), text) }
	newer := file("newer/run.json", `{"format":3,"what":"nobody knows yet"}`)
	foreign := file("foreign/model.onnx", "not ours")
	plain := file("plain", "a file")
	for _, c := range []struct {
		name string
		args string
		want []string // all in the one line
	}{
		{"a job of the simulator", "run gossip", []string{"rhizome sim gossip"}},
		{"unknown job", "run nonsense", []string{`unknown job "nonsense"`, "digits"}},
		{"missing file", "run " + filepath.Join(dir, "none.yaml"), []string{"none.yaml", "no such file"}},
		{"unknown key", "run " + file("key.yaml", "name: mine\nrounds: 3\nround: 4\n"),
			[]string{"key.yaml:3:", `"round"`, "did you mean rounds?"}},
		{"wrong type", "run " + file("type.yaml", "name: mine\n\nrounds: many\n"),
			[]string{"type.yaml:3:", "rounds", `"many"`, "a whole number"}},
		{"text for a number", "run " + file("text.yaml", "name: mine\nrounds: \"3\"\n"),
			[]string{"text.yaml:2:", "rounds"}},
		{"twice", "run " + file("twice.yaml", "name: mine\nrounds: 3\nrounds: 4\n"),
			[]string{"twice.yaml:3:", "rounds"}},
		{"nested", "run " + file("nested.yaml", "name: mine\nrounds: [3]\n"), []string{"nested.yaml:2:", "rounds"}},
		{"no name", "run " + file("noname.yaml", "rounds: 3\n"), []string{"noname.yaml:1:", "name"}},
		{"range", "run " + file("range.yaml", "name: mine\nclients: 2\nlearning_rate: 99\n"),
			[]string{"range.yaml:3:", "learning_rate is 99"}},
		{"no YAML", "run " + file("bad.yaml", "name: mine\nrounds: [3\n"), []string{"bad.yaml"}},
		{"empty", "run " + file("empty.yaml", ""), []string{"empty.yaml", "is empty"}},
		{"a directory", "run " + dir + string(filepath.Separator), []string{dir, "directory"}},
		{"rounds", "run --rounds 0", []string{"rounds is 0", "1 to 100000"}},
		{"rounds text", "run --rounds ten", []string{`rounds is "ten"`, "a whole number"}},
		{"clients", "run --clients 1000", []string{"clients is 1000", "to 64"}},
		{"seed", "run --seed -1", []string{`seed is "-1"`, "not negative"}},
		{"chaos", "run --chaos 2", []string{"chaos is 2", "a probability"}},
		{"chaos text", "run --chaos often", []string{`chaos is "often"`}},
		{"flag", "run --round 3", []string{"unknown flag", "--round"}},
		{"arguments", "run digits digits", []string{"accepts at most 1 arg", "want rhizome run [JOB]"}},
		{"members of a run", "members --dir " + run, []string{"is of a run", "rhizome status"}},
		{"invited until yesterday", "invite --for -1h --dir " + run,
			[]string{`--for is "-1h0m0s"`, "want a time of at most 100 years"}},
		{"open to some", "server --open --allow 12D3KooWBGTUea5ckHqjvc6WmHDipNM2EqbYbm63FfE8begdj6Jv --dir " +
			filepath.Join(dir, "some"), []string{"--open", "--allow", "want one of them"}},
		{"command", "jog", []string{`unknown command "jog"`}},
		{"another job", "run " + file("other.yaml", "name: other\nrounds: 3\nclients: 2\n") + " --dir " + run,
			[]string{"a run of the job digits, not of other", "--fresh"}},
		{"other settings", "run --dir " + run + " --rounds 4", []string{"rounds 3, not 4", "--fresh"}},
		{"newer format", "run --dir " + filepath.Dir(newer), []string{"run.json has format 3", "formats up to 2"}},
		{"foreign model", "run --dir " + filepath.Dir(foreign), []string{"belongs to no run"}},
		{"foreign model, fresh", "run --fresh --dir " + filepath.Dir(foreign), []string{"belongs to no run"}},
		{"below a file", "run --dir " + filepath.Join(plain, "run"), []string{"cannot be used as a directory"}},
		{"compile", "compile nonsense", []string{`unknown job "nonsense"`}},
		{"compile into a directory", "compile -o " + dir, []string{"is a directory"}},
		{"inspect nothing", "snapshot inspect " + filepath.Join(dir, "none"), []string{"none", "no such file"}},
		{"inspect a file", "snapshot inspect " + plain, []string{"is no snapshot"}},
		{"inspect a folder", "snapshot inspect " + filepath.Dir(foreign), []string{"holds neither a run nor a node"}},
		{"diff one", "snapshot diff " + run, []string{"accepts 2 arg"}},
		{"diff of runs", "snapshot diff " + run + " " + run, []string{"holds 3 nodes", "want the directory of one"}},
		{"diff nothing", "snapshot diff " + run + "/server " + filepath.Join(dir, "none"),
			[]string{"none", "no such file"}},
		{"diff garbage", "snapshot diff " + run + "/server " + plain, []string{"is no snapshot"}},
		{"diff bound", "snapshot diff --max 0 " + run + "/server " + run + "/client-00", []string{"--max is 0"}},
		{"export to nowhere", "snapshot export " + run + "/server", []string{"needs -o FILE"}},
		{"export into a directory", "snapshot export " + run + "/server -o " + dir, []string{"is a directory"}},
		{"export as a snapshot file", "snapshot export " + run + "/server -o " + dir + "/x.snap",
			[]string{"ends in .snap"}},
		{"export a run", "snapshot export --json " + run, []string{"holds 3 nodes"}},
		{"dump nothing", "journal dump " + filepath.Join(dir, "none"), []string{"none", "no such file"}},
		{"dump a file", "journal dump " + plain, []string{"want the directory of a node"}},
		{"dump a folder", "journal dump " + filepath.Dir(foreign), []string{"holds neither a run nor a node"}},
		{"dump backwards", "journal dump --from 5 --until 4 " + run + "/server",
			[]string{"--from 5 is above --until 4"}},
		{"dump beyond", "journal dump --from 999999 " + run + "/server", []string{"record 999999 is not there"}},
		{"dump text", "journal dump --from x " + run + "/server", []string{"invalid argument"}},
		{"replay a run until", "journal replay --until 4 " + run, []string{"for one node"}},
		{"replay beyond", "journal replay --until 999999 " + run + "/server", []string{"record 999999 is not there"}},
		{"fork without a round", "fork " + run, []string{"at is 0", "a finished round"}},
		{"fork a round to come", "fork --at 4 " + run, []string{"has not finished round 4", "rounds 1 to 3"}},
		{"fork nothing", "fork --at 1 " + filepath.Join(dir, "none"), []string{"none", "holds no run and no server"}},
		{"fork into a run", "fork --at 1 " + run + " --dir " + run, []string{"holds a run already"}},
		{"fork a newer run", "fork --at 1 " + filepath.Dir(newer), []string{"run.json has format 3"}},
		{"fork with another cohort", "fork --at 1 --set cohort=1 " + run, []string{"cohort cannot be changed",
			"rounds, learning_rate, momentum"}},
		{"fork with no value", "fork --at 1 --set rounds " + run, []string{"want a setting and its value"}},
		{"fork with a value that is not possible", "fork --at 1 --set rounds=many " + run,
			[]string{`rounds is "many"`}},
		{"keep-age", "run --keep-age -1h", []string{"keep_age is -1h"}},
		{"keep", "run --keep -1", []string{"keep is -1", "1 to 10000"}},
		{"migrate a file", "snapshot migrate " + plain, []string{"want the directory of a node"}},
		{"migrate what is newer", "snapshot migrate " + filepath.Dir(newer), []string{"run.json has format 3"}},
		{"verify no journal", "journal verify " + plain, []string{"want the directory of a node"}},
		{"verify garbage", "snapshot verify " + file("snapshot-0000000000000001.snap", "garbage"),
			[]string{"1 of 1 checks failed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := tree(t, dir)
			o := rhizomeIn(t, filepath.Join(dir, "work"), strings.Fields(c.args)...)
			if o.Code != exitBad {
				t.Errorf("exit code %d", o.Code)
			}
			if !strings.HasPrefix(o.Err, "rhizome: ") || strings.Count(o.Err, "\n") != 1 {
				t.Errorf("stderr %q; want one line", o.Err)
			}
			for _, w := range c.want {
				if !strings.Contains(o.Err, w) {
					t.Errorf("%q is not in %q", w, o.Err)
				}
			}
			if o.Out != "" && !strings.HasPrefix(c.args, "snapshot verify") {
				t.Errorf("stdout %q", o.Out)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("files were changed:\n%s\n%s", before, after)
			}
		})
	}
}

// TestNewerState refuses the journal and the snapshot of a newer release, each named, and changes nothing of it.
func TestNewerState(t *testing.T) {
	for pattern, header := range map[string]int{"server/journal-*.seg": 512, "client-00/snapshot-*.snap": 64} {
		dir := filepath.Join(t.TempDir(), "run")
		rhizome(t, small(dir)...).Result(t)
		os.Remove(filepath.Join(dir, "result.json")) // else nobody would look at the nodes
		os.Remove(filepath.Join(dir, "model.onnx"))
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		file := files[len(files)-1]
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		// The places of version and checksum are the same in all formats.
		binary.LittleEndian.PutUint32(b[8:], 99)
		sum := crc32.Checksum(b[:header-4], crc32.MakeTable(crc32.Castagnoli))
		binary.LittleEndian.PutUint32(b[header-4:], sum)
		if err := os.WriteFile(file, b, 0o600); err != nil {
			t.Fatal(err)
		}
		o := rhizome(t, small(dir)...)
		if o.Code != exitBad || !strings.Contains(o.Err, "format version 99") || !strings.Contains(o.Err,
			filepath.Base(file)) || strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%s: exit code %d, stderr %q", pattern, o.Code, o.Err)
		}
		if after, err := os.ReadFile(file); err != nil || !bytes.Equal(after, b) {
			t.Errorf("%s was changed (%v)", file, err)
		}
	}
}

// TestTwoAtOnce refuses a second process in a directory that one is running in.
func TestTwoAtOnce(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	first, out, errs := command(t, "run", "--json", "--dir", dir, "--rounds", "100000")
	if err := first.Start(); err != nil {
		t.Fatal(err)
	}
	for {
		if files, err := filepath.Glob(filepath.Join(dir, "server", "*.seg")); err == nil && len(files) > 0 {
			break
		}
	}
	o := rhizome(t, "run", "--json", "--dir", dir, "--rounds", "100000")
	if o.Code != exitBad || !strings.Contains(o.Err, "is in use by another run") {
		t.Errorf("exit code %d, stderr %q", o.Code, o.Err)
	}
	for _, args := range [][]string{
		{"snapshot", "migrate", dir}, {"snapshot", "migrate", dir + "/server"}, {"fork", "--at", "1", dir},
	} {
		if o := rhizome(t, args...); o.Code != exitBad || !strings.Contains(o.Err, "is in use by a run") ||
			strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%v: exit code %d, stderr %q", args, o.Code, o.Err)
		}
	}
	// What only looks is let in, while the journal grows under it.
	for range 3 {
		for _, args := range [][]string{{"journal", "dump", dir}, {"journal", "verify", dir},
			{"journal", "replay", dir + "/server"}, {"status", "--dir", dir}, {"peers", "--dir", dir + "/client-00"}} {
			if o := rhizome(t, args...); o.Code != exitOK || o.Err != "" {
				t.Errorf("%v beside a run: exit code %d, stderr %q", args, o.Code, o.Err)
			}
		}
	}
	first.Process.Kill()
	finish(t, first, out, errs)
}
