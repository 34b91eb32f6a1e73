package sweep

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

func example(t *testing.T) Head {
	t.Helper()
	h := Head{Version: "v1", Job: "digits", Kind: "federated", Program: "p", Settings: map[string]string{"rounds": "3"},
		Axes: []Axis{{"rate", []string{"0.1", "0.2"}}, {"strategy", []string{"fedavg", "fedprox mu=1", "median"}}},
		Seed: 5, Seeds: 4, Network: "loss: 0 # <none>\n", Command: "rhizome sim digits --seeds 4"}
	if err := h.Seal(); err != nil {
		t.Fatal(err)
	}
	return h
}

func runOf(h *Head, k int) Run {
	set, seed := h.At(k)
	return Run{Event: "run", Sweep: h.ID, Run: k, Settings: set, Seed: seed, Completed: true, Virtual: 0.1 + float64(k),
		ModelSHA256: fmt.Sprintf("%064d", k)}
}

// TestEachRunIsOfOneShard: the list has each combination once, and its shards have each of its runs once.
func TestEachRunIsOfOneShard(t *testing.T) {
	h := example(t)
	seen := map[string]bool{}
	for k := range h.Runs() {
		set, seed := h.At(k)
		seen[fmt.Sprint(set, seed)] = true
	}
	if h.Runs() != 24 || len(seen) != 24 || !seen["map[rate:0.2 strategy:fedprox mu=1] 8"] {
		t.Errorf("%d runs, %d of them differ: %v", h.Runs(), len(seen), seen)
	}
	for of := 1; of < 30; of++ {
		had := make([]int, h.Runs())
		for at := range of {
			n := 0
			for k := range h.Runs() {
				if (Shard{at, of}).Has(k) {
					had[k]++
					n++
				}
			}
			if n != (Shard{at, of}).Size(h.Runs()) {
				t.Errorf("shard %d/%d has %d runs, and says %d", at, of, n, Shard{at, of}.Size(h.Runs()))
			}
		}
		for k, n := range had {
			if n != 1 {
				t.Errorf("run %d is in %d of %d shards", k, n, of)
			}
		}
	}
}

func TestSweepsThatAreNone(t *testing.T) {
	many := make([]string, 1000)
	for i := range many {
		many[i] = fmt.Sprint(i)
	}
	for want, h := range map[string]Head{
		"swept twice":   {Axes: []Axis{{"a", []string{"1"}}, {"a", []string{"2"}}}, Seeds: 1},
		`"1" twice`:     {Axes: []Axis{{"a", []string{"1", "1"}}}, Seeds: 1},
		"has 0 values":  {Axes: []Axis{{"a", nil}}, Seeds: 1},
		"has 0 seeds":   {},
		"1000 values":   {Axes: []Axis{{"a", many}, {"b", many}}, Seeds: 1},
		"200000 seeds":  {Seeds: 200_000},
		"18446744073":   {Axes: []Axis{{"a", many}}, Seeds: 1<<64 - 1},
		"1000 settings": {Axes: []Axis{{"a", many}}, Seeds: 101},
	} {
		if err := h.Seal(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

// TestShards: which share a process has, as it says it and as Slurm and Kubernetes say it.
func TestShards(t *testing.T) {
	array := func(id, count, least, most string) map[string]string {
		return map[string]string{"SLURM_ARRAY_TASK_ID": id, "SLURM_ARRAY_TASK_COUNT": count,
			"SLURM_ARRAY_TASK_MIN": least, "SLURM_ARRAY_TASK_MAX": most}
	}
	pod := map[string]string{"JOB_COMPLETION_INDEX": "7"}
	both := array("1", "2", "0", "1")
	both["JOB_COMPLETION_INDEX"] = "1"
	for _, c := range []struct {
		text string
		env  map[string]string
		want string // the shard, or a part of the refusal
	}{
		{"0/1", nil, "0/1"}, {"2/8", nil, "2/8"}, {"7/8", nil, "7/8"},
		{"8/8", nil, "no shard"}, {"-1/8", nil, "no shard"}, {"2", nil, "no shard"}, {"2/0", nil, "no shard"},
		{"2/8/9", nil, "no shard"}, {"02/8", nil, "no shard"}, {"", nil, "no shard"}, {"/", nil, "no shard"},
		{"2/100001", nil, "no shard"}, {"2/99999999999999999999", nil, "no shard"}, {"a/b", nil, "no shard"},
		{"slurm", array("0", "8", "0", "7"), "0/8"}, {"slurm", array("7", "8", "0", "7"), "7/8"},
		{"slurm", array("1", "8", "1", "8"), "0/8"}, {"slurm", array("8", "8", "1", "8"), "7/8"},
		{"auto", array("8", "8", "1", "8"), "7/8"},
		{"slurm", array("3", "1", "3", "3"), "say how many"},  // one task that is submitted again
		{"slurm", array("0", "1", "0", "0"), "say how many"},  // the same of the first
		{"slurm", array("2", "2", "2", "3"), "say how many"},  // two of them
		{"slurm", array("4", "4", "0", "6"), "say how many"},  // with a step
		{"slurm", array("9", "8", "0", "7"), "say how many"},  // which no array says
		{"slurm/8", array("3", "1", "3", "3"), "3/8"},         // with a count they are what they were
		{"slurm/8", array("8", "8", "1", "8"), "--array=0-7"}, // from 1 on
		{"slurm/8", map[string]string{"SLURM_ARRAY_TASK_ID": "3"}, "3/8"},
		{"slurm", map[string]string{"SLURM_ARRAY_TASK_ID": "3"}, "SLURM_ARRAY_TASK_COUNT"},
		{"slurm", nil, "SLURM_ARRAY_TASK_ID"}, {"slurm/x", nil, "no shard"},
		{"kubernetes/8", pod, "7/8"}, {"auto/8", pod, "7/8"}, {"kubernetes/7", pod, "want 0 to 6"},
		{"kubernetes", pod, "completions"}, {"auto", pod, "completions"}, {"kubernetes/8", nil, "JOB_COMPLETION_INDEX"},
		{"auto", nil, "neither"}, {"auto/2", both, "both"},
	} {
		s, err := ParseShard(c.text, func(name string) string { return c.env[name] })
		if err != nil && !strings.Contains(err.Error(), c.want) || err == nil && s.String() != c.want {
			t.Errorf("%q %v: %v, %v; want %s", c.text, c.env, s, err, c.want)
		}
	}
}

// TestShardsComeTogether: what files say is put together in the order of the list, whatever their order is; what is
// missing is told, what is there twice has to be the same, and what is of another sweep is refused.
func TestShardsComeTogether(t *testing.T) {
	dir, h := t.TempDir(), example(t)
	fill := func(dir string, h Head, s Shard, but ...int) string {
		f, err := Open(dir, h, s)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		for k := h.Runs() - 1; k >= 0; k-- {
			if !s.Has(k) || len(but) > 0 && k == but[0] {
				continue
			}
			if err := f.Add(runOf(&h, k)); err != nil {
				t.Fatal(err)
			}
		}
		return f.Path
	}
	for at := range 3 {
		fill(dir, h, Shard{at, 3})
	}
	got, runs, err := Merge([]string{dir})
	if err != nil || !reflect.DeepEqual(got, h) || len(runs) != 24 {
		t.Fatalf("%v: %+v, %d runs", err, got, len(runs))
	}
	for k, r := range runs {
		if !reflect.DeepEqual(r, runOf(&h, k)) {
			t.Errorf("run %d came back as %+v", k, r)
		}
	}
	whole := fill(filepath.Join(dir, "whole"), h, Shard{0, 1})
	if _, again, err := Merge([]string{whole, dir}); err != nil || !reflect.DeepEqual(again, runs) {
		t.Errorf("all of it twice: %v", err)
	}

	bytes0, err := os.ReadFile(filepath.Join(dir, Shard{0, 3}.name()))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	for name, refusal := range map[string]string{Shard{1, 3}.name(): "says that it is of shard 0/3", "mine.jsonl": ""} {
		path := filepath.Join(copied, name)
		if err := os.WriteFile(path, bytes0, 0o666); err != nil {
			t.Fatal(err)
		}
		_, _, err := Merge([]string{path})
		if want := cmp.Or(refusal, "16 of 24 runs are missing"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %q", name, err, want)
		}
	}
	if _, err := Open(copied, h, Shard{1, 3}); err == nil || !strings.Contains(err.Error(), "of shard 0/3") {
		t.Errorf("a shard goes on with another's file: %v", err)
	}

	lacks := fill(filepath.Join(dir, "lacks"), h, Shard{0, 1}, 7)
	if _, _, err := Merge([]string{lacks}); err == nil || !strings.Contains(err.Error(), "1 of 24 runs are missing: "+
		"1 of shard 0/1; the first goes on by: rhizome sim digits --seeds 4 --shard 0/1 --out DIR") {
		t.Error(err)
	}
	one := fill(filepath.Join(dir, "one"), h, Shard{1, 3})
	if _, _, err := Merge([]string{one}); err == nil || !strings.Contains(err.Error(),
		"16 of 24 runs are missing: 8 of shard 0/3, 8 of shard 2/3") {
		t.Error(err)
	}
	if _, _, err := Merge([]string{one, lacks}); err != nil {
		t.Errorf("what one lacks the other has: %v", err)
	}

	for _, other := range []struct {
		change func(*Head)
		want   string
	}{
		{func(h *Head) { h.Version = "v2" }, "its version: v2, and not v1"},
		{func(h *Head) { h.Job = "mine" }, "its job: mine, and not digits"},
		{func(h *Head) { h.Seeds = 5 }, "its seeds: 5 from 5, and not 4 from 5"},
		{func(h *Head) { h.Axes = h.Axes[:1] }, "what is swept"},
		{func(h *Head) { h.Settings = map[string]string{"rounds": "4"} }, `its rounds is "4", and not "3"`},
		{func(h *Head) { h.Network = "" }, "another network"},
		{func(h *Head) { h.Program = "q" }, "another program"},
		{func(h *Head) {
			files := make([]map[string]string, 6)
			files[4] = map[string]string{"b.csv": "x"}
			h.Bring(files)
		}, "with rate=0.2, strategy=fedprox mu=1 the file b.csv is another"},
	} {
		o := example(t)
		if other.change(&o); o.Seal() != nil {
			t.Fatal("it is no sweep")
		}
		file, err := Open(t.TempDir(), o, Shard{2, 3})
		if err != nil {
			t.Fatal(err)
		}
		file.Close()
		path := file.Path
		if _, _, err := Merge([]string{dir, path}); err == nil || !strings.Contains(err.Error(), other.want) {
			t.Errorf("%v; want %q", err, other.want)
		}
		_, err = Open(filepath.Dir(path), h, Shard{2, 3})
		if err == nil || !strings.Contains(err.Error(), other.want) {
			t.Errorf("%v; want %q", err, other.want)
		}
	}

	differs := runOf(&h, 4)
	differs.ModelSHA256 = strings.Repeat("f", 64)
	f, err := Open(filepath.Join(dir, "differs"), h, Shard{0, 2})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Add(differs); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Merge([]string{dir, f.Path}); err == nil || !strings.Contains(err.Error(), "run 4 is in ") ||
		!strings.Contains(err.Error(), "and they differ") {
		t.Error(err)
	}
	if _, err := Open(filepath.Dir(f.Path), h, Shard{0, 2}); err == nil {
		t.Error("two processes have one file")
	}
	_, _, err = Merge([]string{t.TempDir()})
	if err == nil || !strings.Contains(err.Error(), "has no file of a shard") {
		t.Error(err)
	}
}

// TestAFileIsReadAsItWasWritten: a file that is opened again has what it had; with any byte changed, or cut off within
// a line, it is refused, and nothing panics.
func TestAFileIsReadAsItWasWritten(t *testing.T) {
	dir, h := t.TempDir(), example(t)
	f, err := Open(dir, h, Shard{1, 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{4, 1} {
		if err := f.Add(runOf(&h, k)); err != nil {
			t.Fatal(err)
		}
	}
	f.Close()
	if f, err = Open(dir, h, Shard{1, 3}); err != nil || f.Len() != 2 {
		t.Fatalf("opened again: %v, %v", f, err)
	}
	defer f.Close()
	if r, ok := f.Get(4); !ok || !reflect.DeepEqual(r, runOf(&h, 4)) {
		t.Errorf("run 4 came back as %+v", r)
	}
	b, err := os.ReadFile(f.Path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range b {
		if b[i] != '\n' {
			if _, err := parse("f", b[:i+1]); err == nil {
				t.Errorf("cut off behind byte %d it is taken", i)
			}
		}
		bad := bytes.Clone(b)
		bad[i] ^= 0x10
		if got, err := parse("f", bad); err == nil && !legible(got, h) {
			t.Errorf("with byte %d changed it is taken: %+v", i, got)
		}
	}
	for _, bad := range []string{"", "\n", "{}\n", "null\n", string(line(headLine{h, "slurm"})), string(line(headLine{h,
		"3/3"})), string(line(headLine{h, "1/3"})) + "null\n", string(line(headLine{h, "1/3"})) + "{}\n",
		string(line(headLine{h, "1/3"})) + string(line(runOf(&h, 3)))} {
		if _, err := parse("f", []byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// legible says whether what differs from what was written is only a figure, which nothing else says.
func legible(r *read, h Head) bool {
	r.head.Command = h.Command // it may be called otherwise
	return reflect.DeepEqual(r.head, h)
}
