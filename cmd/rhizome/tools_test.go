package main

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/host/record"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// lines reads the JSON objects that a command wrote.
func lines[T any](t *testing.T, o outcome) []T {
	t.Helper()
	if o.Code != 0 {
		t.Fatalf("exit code %d: %s", o.Code, o.Err)
	}
	var out []T
	for _, line := range strings.Split(strings.TrimSpace(o.Out), "\n") {
		var x T
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		out = append(out, x)
	}
	return out
}

// glob returns the files of a pattern, of which there must be one.
func glob(t *testing.T, parts ...string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(parts...))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v: %v, %v", parts, files, err)
	}
	return files
}

// TestJournalDump lists what came in at a killed server: every record once, in order, with times that do not go back,
// edges and peers by name; --from and --until choose some of them.
func TestJournalDump(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	server := filepath.Join(dir, "server")
	records := lines[recordReport](t, rhizome(t, "journal", "dump", "--json", server))
	kinds := map[string]int{}
	for i, r := range records {
		if i > 0 && (r.Record != records[i-1].Record+1 || r.NowNs < records[i-1].NowNs) || r.Node != "server" ||
			len(r.Digest) != 16 || r.Bytes == 0 {
			if i == len(records)-1 && r.Record == 0 {
				break // the unfinished record at the end
			}
			t.Fatalf("record %d is %+v", i, r)
		}
		for _, e := range r.Events {
			kinds[e.Kind]++
			if e.Edge == "update" && (!strings.HasPrefix(e.Peer, "client-0") || e.Bytes < 1000 || e.Number == 0) {
				t.Errorf("%+v", e)
			}
			kinds[e.Edge]++
		}
	}
	if kinds["update"] < 8 || kinds["completion"] < 2 || kinds["app_ack"] < 2 {
		t.Errorf("kinds %v", kinds)
	}
	some := lines[recordReport](t, rhizome(t, "journal", "dump", "--json", "--from", "7", "--until", "12", server))
	if len(some) != 6 || some[0].Record != 7 || some[5].Record != 12 {
		t.Errorf("records 7 to 12 are %+v", some)
	}
	all := rhizome(t, "journal", "dump", dir)
	for _, want := range []string{"server\n       1  at ", "client-03\n", "edge train, question ",
		"edge update, answer to ", "registry.join"} {
		if !strings.Contains(all.Out, want) {
			t.Errorf("%q is not in the dump (%s)", want, all.Err)
		}
	}
	if tree(t, dir) != before {
		t.Error("dump changed files")
	}
	alone := filepath.Join(t.TempDir(), "server")
	if err := os.CopyFS(alone, os.DirFS(server)); err != nil {
		t.Fatal(err)
	}
	if o := rhizome(t, "journal", "dump", alone); o.Code != 0 || !strings.Contains(o.Out, "envelope from 12D3KooW") {
		t.Errorf("a node outside of its run: %.300s %s", o.Out, o.Err)
	}
	if o := rhizome(t, "journal", "replay", alone); o.Code != exitBad || !strings.Contains(o.Err, "lies in no run") ||
		strings.Count(o.Err, "\n") != 1 {
		t.Errorf("%+v", o)
	}
}

// TestTornTail breaks the last record of a journal, as a crash does: it is told, and all before it can be read and
// replayed.
func TestTornTail(t *testing.T) {
	dir := stopped(t)
	client := filepath.Join(dir, "client-02")
	records := lines[recordReport](t, rhizome(t, "journal", "dump", "--json", client))
	if records[len(records)-1].Record == 0 {
		records = records[:len(records)-1]
	}
	last := records[len(records)-1]
	segment := filepath.Join(client, last.Segment)
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[last.Offset+24] ^= 1 // in its payload
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	before := tree(t, dir)
	torn := lines[tornReport](t, rhizome(t, "journal", "dump", "--json", client))
	if got := torn[len(torn)-1]; len(torn) != len(records) || got.TornBytes == 0 || got.Segment != last.Segment ||
		got.Offset != last.Offset {
		t.Errorf("%+v", got)
	}
	if o := rhizome(t, "journal", "dump", client); o.Code != 0 || !strings.Contains(o.Out,
		"of an unfinished record at byte") {
		t.Errorf("%+v", o)
	}
	if o := rhizome(t, "journal", "verify", client); o.Code != 0 || !strings.Contains(o.Out,
		"of an unfinished record at the end") {
		t.Errorf("%+v", o)
	}
	if r := lines[replayReport](t, rhizome(t, "journal", "replay", "--json", client))[0]; r.Record != last.Record-1 {
		t.Errorf("replayed up to %d, torn is %d", r.Record, last.Record)
	}
	if tree(t, dir) != before {
		t.Error("a torn tail was cut by looking at it")
	}
}

// TestJournalVerify finds killed and torn journals sound, and tells the place of damage.
func TestJournalVerify(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	if o := rhizome(t, "journal", "verify", dir); o.Code != 0 || strings.Count(o.Out, " ok ") != 10 ||
		!strings.Contains(o.Out, "give the same outputs as the first time") {
		t.Fatalf("%+v", o)
	}
	if tree(t, dir) != before {
		t.Error("verify changed files")
	}
	segment := glob(t, dir, "client-01", "*.seg")[0]
	b, err := os.ReadFile(segment)
	if err != nil {
		t.Fatal(err)
	}
	b[700] ^= 1
	if err := os.WriteFile(segment, b, 0o600); err != nil {
		t.Fatal(err)
	}
	o := rhizome(t, "journal", "verify", filepath.Join(dir, "client-01"))
	if o.Code != exitBad || !strings.Contains(o.Out, "is damaged at byte ") || !strings.Contains(o.Out,
		filepath.Base(segment)) || !strings.Contains(o.Err, "2 of 2 checks failed") {
		t.Errorf("%+v", o)
	}
	if o := rhizome(t, "journal", "dump", filepath.Join(dir, "client-01")); o.Code != exitBad ||
		strings.Count(o.Err, "\n") != 1 || !strings.Contains(o.Err, "is damaged at byte ") {
		t.Errorf("dump: %+v", o)
	}
	if o := rhizome(t, "journal", "replay", filepath.Join(dir, "client-01")); o.Code != exitBad ||
		strings.Count(o.Err, "\n") != 1 {
		t.Errorf("replay: %+v", o)
	}
}

// TestJournalReplay brings a node back at two records: the state of each is what diff and inspect say of it, and the
// state at the last record is that which the next start finds.
func TestJournalReplay(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	server, out := filepath.Join(dir, "server"), t.TempDir()
	records := lines[recordReport](t, rhizome(t, "journal", "dump", "--json", server))
	if records[len(records)-1].Record == 0 {
		records = records[:len(records)-1]
	}
	last := records[len(records)-1].Record
	for i, until := range []uint64{last / 2, last} {
		file := filepath.Join(out, string(rune('a'+i)))
		r := lines[replayReport](t, rhizome(t, "journal", "replay", "--json", "--until", numeral(until), "-o", file,
			server))[0]
		if r.Record != until || r.Node != "server" || r.NowNs != records[until-records[0].Record].NowNs ||
			r.WallNs != records[until-records[0].Record].WallNs {
			t.Errorf("replay until %d: %+v", until, r)
		}
		if o := rhizome(t, "snapshot", "inspect", file); o.Code != 0 || !strings.Contains(o.Out, "engine time ") {
			t.Errorf("inspect: %+v", o)
		}
	}
	a, b := filepath.Join(out, "a"), filepath.Join(out, "b")
	if o := rhizome(t, "snapshot", "diff", b, server); o.Code != 0 || o.Out != "no difference\n" {
		t.Errorf("the last record is not the newest state: %+v", o)
	}
	if o := rhizome(t, "snapshot", "diff", a, server, "--max", "4000"); !strings.Contains(o.Out,
		"components[3].state.params[0]  (model)") ||
		!strings.Contains(o.Out, "transient.framework.now ") || !strings.Contains(o.Out, "client-01") ||
		strings.Contains(o.Out, "--max shows more") {
		t.Errorf("diff: %+v", o)
	}
	end := lines[diffReport](t, rhizome(t, "snapshot", "diff", "--json", "--max", "3", a, server))
	if len(end) != 4 || end[3].Shown != 3 || end[3].Differences < 20 {
		t.Errorf("a bounded diff: %+v", end)
	}
	if o := rhizome(t, "journal", "replay", server, "--until", numeral(last+5)); o.Code != exitBad ||
		!strings.Contains(o.Err, "is not there") || strings.Count(o.Err, "\n") != 1 {
		t.Errorf("a record that is not there: %+v", o)
	}
	if o := rhizome(t, "journal", "replay", dir); o.Code != 0 ||
		strings.Count(o.Out, "every output is that of the first time") != 5 {
		t.Errorf("all nodes: %+v", o)
	}
	if tree(t, dir) != before {
		t.Error("replay changed files")
	}
}

func numeral(n uint64) string {
	b, _ := json.Marshal(n)
	return string(b)
}

// TestExport writes a snapshot for other programs: the canonical message, which the other commands read, with the
// artifact on demand, and the same as JSON.
func TestExport(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	client, out := filepath.Join(dir, "client-00"), t.TempDir()
	plain, whole := filepath.Join(out, "plain.pb"), filepath.Join(out, "whole.pb")
	for _, args := range [][]string{{"-o", plain}, {"-o", whole, "--artifact"}} {
		if o := rhizome(t, append([]string{"snapshot", "export", client}, args...)...); o.Code != 0 || o.Out != "" {
			t.Fatalf("%+v", o)
		}
	}
	if o := rhizome(t, "snapshot", "diff", plain, client); o.Out != "no difference\n" {
		t.Errorf("exported and read back: %+v", o)
	}
	if o := rhizome(t, "snapshot", "diff", plain, whole); !strings.HasPrefix(o.Out, "artifact.whole  ") ||
		strings.Count(o.Out, "\n") != 1 {
		t.Errorf("the whole artifact: %+v", o)
	}
	o := rhizome(t, "snapshot", "export", "--json", client)
	var m struct {
		SpecVersion int `json:"spec_version"`
		Config      struct{ Place string }
		Transient   struct {
			Framework struct{ Now string }
		}
	}
	if err := json.Unmarshal([]byte(o.Out), &m); err != nil || m.SpecVersion == 0 || m.Config.Place != "clients" ||
		m.Transient.Framework.Now == "" {
		t.Errorf("%+v %v", m, err)
	}
	file := filepath.Join(out, "x.json")
	if p := rhizome(t, "snapshot", "export", "--json", client, "-o", file); p.Code != 0 {
		t.Errorf("%+v", p)
	}
	if b, err := os.ReadFile(file); err != nil || string(b) != o.Out {
		t.Errorf("the file differs from stdout (%v)", err)
	}
	if tree(t, dir) != before {
		t.Error("export changed files")
	}
}

// TestFork begins a new run from a finished round of a run that was killed: its model is that of the whole run, and the
// old run goes on as if nothing had happened.
func TestFork(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	to := filepath.Join(t.TempDir(), "fork")
	f := lines[archive.Forked](t, rhizome(t, "fork", dir, "--at", "2", "--dir", to, "--json"))[0]
	if f.Round != 2 || f.Dir != to || f.From != dir || len(f.Nodes) != 5 || f.Nodes[0].Record == 0 {
		t.Errorf("%+v", f)
	}
	if o := rhizome(t, "fork", dir, "--at", "3"); o.Code != 0 || !strings.HasSuffix(o.Out,
		"to go on: rhizome run --dir "+dir+"-at-3\n") {
		t.Errorf("%+v", o)
	}
	if tree(t, dir) != before {
		t.Error("forking changed the run")
	}
	o := rhizome(t, "run", "--json", "--dir", to)
	if first, _, _ := strings.Cut(o.Out, "\n"); !strings.Contains(first, `"round":2,`) {
		t.Errorf("the fork begins with %.60s", o.Out)
	}
	forked, whole := o.Result(t), rhizome(t, small(dir)...).Result(t)
	if forked.ModelSHA256 != whole.ModelSHA256 || forked.Rounds != whole.Rounds || forked.Restarts != 0 {
		t.Errorf("the fork gives %+v, the run %+v", forked, whole)
	}
	if o := rhizome(t, "snapshot", "verify", to); o.Code != 0 {
		t.Errorf("%+v", o)
	}
}

// TestDivergence alters what a record of a journal says went out, with sound checksums, as if another machine or
// release had written it: every command that replays it names the record and what differs, and the state before it can
// be seen.
func TestDivergence(t *testing.T) {
	dir := stopped(t)
	server := filepath.Join(dir, "server")
	reg := value.NewRegistry()
	var payloads [][]byte
	var altered uint64
	rep, err := journal.Walk(vfs.OS(), server, 0, func(at journal.Position, payload []byte) error {
		r, err := record.Decode(reg, at.Record, payload)
		if err == nil && altered == 0 && at.Record > 20 && len(r.Marks) > 20 {
			altered = at.Record
			r.Digest ^= 1
			r.Marks[len(r.Marks)-1] ^= 1
			payload, err = snapshot.Marshal(reg, r)
		}
		payloads = append(payloads, slices.Clone(payload))
		return err
	})
	if err != nil || altered == 0 {
		t.Fatal(altered, err)
	}
	for _, file := range glob(t, server, "*.seg") {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	j, _, err := journal.Open(vfs.OS(), server, journal.Options{From: rep.First, SegmentBytes: 256 << 10})
	if err == nil {
		_, err = j.Append(payloads...)
	}
	if err = errors.Join(err, j.Close()); err != nil {
		t.Fatal(err)
	}
	for _, file := range glob(t, server, "*.snap") {
		if !strings.HasSuffix(file, "0001.snap") {
			os.Remove(file) // so that the record is replayed
		}
	}
	where := "replay of record " + numeral(altered) + " ("
	for _, args := range [][]string{{"journal", "replay", server}, {"snapshot", "inspect", server},
		{"run", "--json", "--dir", dir}} {
		o := rhizome(t, args...)
		if o.Code != exitBad || !strings.Contains(o.Err, where) || !strings.Contains(o.Err, "differs") ||
			strings.Count(o.Err, "\n") != 1 {
			t.Errorf("%v: exit code %d, stderr %q", args, o.Code, o.Err)
		}
	}
	if o := rhizome(t, "journal", "verify", server); o.Code != exitBad || !strings.Contains(o.Out, where) ||
		!strings.Contains(o.Out, " ok ") {
		t.Errorf("%+v", o)
	}
	if o := rhizome(t, "journal", "replay", server, "--until", numeral(altered-1)); o.Code != 0 ||
		!strings.HasPrefix(o.Out, "record "+numeral(altered-1)) {
		t.Errorf("%+v", o)
	}
}

// TestMigrate has nothing to do on files of the current formats, and says so.
func TestMigrate(t *testing.T) {
	dir := stopped(t)
	before := tree(t, dir)
	for _, path := range []string{dir, filepath.Join(dir, "server")} {
		if o := rhizome(t, "snapshot", "migrate", path); o.Code != 0 ||
			o.Out != "nothing to do: every file is of the current format\n" {
			t.Errorf("%+v", o)
		}
	}
	done := lines[archive.Migrated](t, rhizome(t, "snapshot", "migrate", "--json", dir))
	if len(done) != 6 || done[0].Node != "server" || len(done[0].Files)+done[0].Damaged+len(done[5].Files) != 0 {
		t.Errorf("%+v", done)
	}
	if tree(t, dir) != before {
		t.Error("migrate changed files of the current formats")
	}
}
