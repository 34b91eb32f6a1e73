package engines_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// TestSlurm runs the files in deploy/slurm on a cluster of one node. A sweep whose shards are an array, of which one is
// requeued, gives the table of one process. A server and clients that are requeued on the way give the model of a run
// that nothing disturbed.
func TestSlurm(t *testing.T) {
	if testing.Short() {
		t.Skip("THE FILES FOR SLURM ARE NOT TRIED HERE: they are without -short")
	}
	c := newCluster(t)
	deploy, err := filepath.Abs("../../../deploy/slurm")
	if err != nil {
		t.Fatal(err)
	}
	out := t.TempDir()
	t.Setenv("RHIZOME", commandtest.Executable())
	t.Setenv("RHIZOME_LISTEN", "/ip4/127.0.0.1/tcp/0")
	t.Setenv("RHIZOME_LISTEN_CLIENT", "/ip4/127.0.0.1/tcp/0")
	idle := func() bool { return strings.TrimSpace(run(t, "squeue", "--noheader")) == "" }

	t.Run("sweep", func(t *testing.T) {
		sweep := []string{"digits", "--rounds", "3", "--nodes", "2", "--seeds", "20", "--sweep",
			"learning_rate=0.1,0.2"}
		want := commandtest.Run(t, append([]string{"sim"}, sweep...)...)
		in := func(name string) string { return filepath.Join(out, "sweep", name) }
		told := run(t, filepath.Join(deploy, "sweep.sh"), append([]string{"3", in("")}, sweep...)...)
		array := regexp.MustCompile(`shards are job (\d+), their merge`).FindStringSubmatch(told)
		if array == nil {
			t.Fatal(told)
		}
		c.await(t, "two runs of shard 1", func() bool { return count(in("shard-1-of-3.jsonl"), "\n") > 2 })
		requeue(t, array[1]+"_1")
		c.await(t, "a table", func() bool { _, err := os.Stat(in("table.txt")); return err == nil })
		c.await(t, "an end", idle)
		if got, err := os.ReadFile(in("table.txt")); err != nil || want.Code != 0 || string(got) != want.Out {
			t.Errorf("%v: the array gives\n%s\nand one process\n%s", err, got, want.Out)
		}
		if n := count(in("table.jsonl"), `"event":"run"`); n != 40 {
			t.Errorf("%d runs are in table.jsonl", n)
		}
	})

	t.Run("federation", func(t *testing.T) {
		job := []string{"digits", "--rounds", "120"}
		alone := append([]string{"run", "--json", "--clients", "2", "--dir", filepath.Join(out, "run")}, job...)
		want := commandtest.Run(t, alone...).Result(t).ModelSHA256
		in := func(name string) string { return filepath.Join(out, "federation", name) }
		log := in("log/server.txt")
		told := run(t, filepath.Join(deploy, "federation.sh"), append([]string{"2", in("")}, job...)...)
		ids := regexp.MustCompile(`the server is job (\d+), its clients are job (\d+)`).FindStringSubmatch(told)
		if ids == nil {
			t.Fatal(told)
		}
		const starts = `"event":"listening"`
		c.await(t, "five rounds", func() bool { return count(log, `"event":"round"`) > 4 })
		requeue(t, ids[2]+"_1")
		requeue(t, ids[1])
		done := func() bool { return count(log, `"event":"done"`) > 0 }
		c.await(t, "another life of the server", func() bool { return count(log, starts) > 1 || done() })
		requeue(t, ids[2]+"_0")
		c.await(t, "the end of the job", done)
		c.await(t, "the end of all", idle)
		b, err := os.ReadFile(log)
		if err != nil {
			t.Fatal(err)
		}
		var d commandtest.Done
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, `"event":"done"`) {
				if err := json.Unmarshal([]byte(line), &d); err != nil {
					t.Fatal(err)
				}
			}
		}
		t.Logf("%d lives of the server, %d and %d of the clients", count(log, starts), count(in("log/client-0.txt"),
			starts), count(in("log/client-1.txt"), starts))
		if d.ModelSHA256 != want || want == "" {
			t.Errorf("requeued: model %s; in one process, undisturbed: %s", d.ModelSHA256, want)
		}
		if info, err := os.Stat(in("invitation")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the invitation: %v, %v", info, err)
		}
	})
}

// TestSlurmScripts: without a cluster. A client whose server has moved before it was reached starts again by the new
// invitation, and ends as that ends; it does not wait for ever for the first; and numbers and folders that are none are
// refused before anything is submitted.
func TestSlurmScripts(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("no bash")
	}
	dir := t.TempDir()
	fake := filepath.Join(dir, "fake")
	text := "#!" + bash + `
if [ "$2" = old ]; then echo new >"$RHIZOME_OUT/invitation"; exec sleep 600; fi
exit 7
`
	if err := os.WriteFile(fake, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
	ended := func(script string, args ...string) int {
		cmd := exec.CommandContext(t.Context(), bash, append([]string{"../../../deploy/slurm/" + script}, args...)...)
		cmd.Env = append(os.Environ(), "SLURM_ARRAY_TASK_ID=0", "RHIZOME_OUT="+dir, "RHIZOME="+fake,
			"RHIZOME_INVITED_WITHIN=0")
		out, err := cmd.CombinedOutput()
		if cmd.ProcessState == nil {
			t.Fatal(err)
		}
		t.Logf("%s %q: %s", script, args, out)
		return cmd.ProcessState.ExitCode()
	}
	if code := ended("client.sbatch"); code != 1 {
		t.Errorf("without an invitation: exit code %d", code)
	}
	if err := os.WriteFile(filepath.Join(dir, "invitation"), []byte("old\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	if code := ended("client.sbatch"); code != 7 {
		t.Errorf("with a server that moves: exit code %d", code)
	}
	for _, script := range []string{"federation.sh", "sweep.sh"} {
		for _, args := range [][]string{{"0", dir, "digits"}, {"x", dir, "digits"}, {"", dir, "digits"},
			{"2", "", "digits"}} {
			if code := ended(script, args...); code != 2 {
				t.Errorf("%s %q: exit code %d", script, args, code)
			}
		}
	}
}
