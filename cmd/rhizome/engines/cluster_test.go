package engines_test

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// cluster is Slurm on this machine alone: one node, in a folder, at ports of its own.
type cluster struct {
	dir  string
	conf string
	ends []chan struct{} // closed when its daemons have ended
}

// conf is what Slurm is told. Jobs that are requeued wait for the life of a credential before they start again.
const conf = `ClusterName=here
SlurmctldHost=%[1]s(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=%[2]s/munge.socket,cred_expire=5
CredType=cred/munge
SlurmctldPort=%[3]d
SlurmdPort=%[4]d
StateSaveLocation=%[2]s/state
SlurmdSpoolDir=%[2]s/spool
SlurmctldPidFile=%[2]s/slurmctld.pid
SlurmdPidFile=%[2]s/slurmd.pid
SlurmctldLogFile=%[2]s/slurmctld.log
SlurmdLogFile=%[2]s/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
ReturnToService=2
SchedulerType=sched/builtin
SchedulerParameters=sched_interval=1,batch_sched_delay=0
SelectType=select/cons_res
SelectTypeParameters=CR_CPU
SlurmdParameters=config_overrides
KillWait=30
SlurmctldTimeout=600
SlurmdTimeout=600
MessageTimeout=100
NodeName=n0 NodeHostname=%[1]s NodeAddr=127.0.0.1 CPUs=8 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
`

// newCluster starts one, or skips the test where it cannot be.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	const not = "THE FILES FOR SLURM ARE NOT TRIED HERE: "
	if runtime.GOOS != "linux" || os.Getuid() != 0 {
		t.Skip(not + "its daemons run on Linux, and as root")
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin")
	for _, name := range []string{"munged", "slurmctld", "slurmd", "sbatch", "squeue", "sinfo", "scontrol", "bash"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skip(not + "there is no " + name + "; Debian has it in munge and slurm-wlm")
		}
	}
	for range 3 { // another program may take a port meanwhile
		if c := tryCluster(t); c != nil {
			return c
		}
	}
	t.Skip(not + "its daemons do not come up; what they said is above")
	return nil
}

// tryCluster starts the daemons and waits for the node.
func tryCluster(t *testing.T) *cluster {
	t.Helper()
	dir, err := os.MkdirTemp("", "slurm") // a socket wants a short path
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{dir: dir, conf: filepath.Join(dir, "slurm.conf")}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	host, _, _ = strings.Cut(host, ".")
	for _, name := range []string{"state", "spool"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	write(t, c.conf, fmt.Sprintf(conf, host, dir, freePort(t), freePort(t)))
	write(t, filepath.Join(dir, "munge.key"), strings.Repeat("a key of this test alone, ", 8))
	t.Setenv("SLURM_CONF", c.conf)
	in := func(name string) string { return filepath.Join(dir, name) }
	up := c.daemon(t, "munged", "--foreground", "--force", "--socket="+in("munge.socket"),
		"--key-file="+in("munge.key"), "--pid-file="+in("munge.pid"), "--log-file="+in("munge.log"),
		"--seed-file="+in("munge.seed")) &&
		c.daemon(t, "slurmctld", "-D", "-f", c.conf) && c.daemon(t, "slurmd", "-D", "-f", c.conf, "-N", "n0")
	for late := time.After(time.Minute); up; {
		out, err := exec.Command("sinfo", "--noheader", "--format=%T").CombinedOutput()
		if err == nil && strings.TrimSpace(string(out)) == "idle" {
			return c
		}
		select {
		case <-c.ends[0]:
			up = false
		case <-c.ends[1]:
			up = false
		case <-c.ends[2]:
			up = false
		case <-late:
			up = false
		case <-time.After(100 * time.Millisecond):
		}
	}
	for _, name := range []string{"munged.out", "slurmctld.out", "slurmd.out"} {
		b, _ := os.ReadFile(in(name))
		t.Logf("%s: %s", name, b[max(0, len(b)-1000):])
	}
	return nil
}

// daemon starts one of the daemons, which the end of the test ends, the last first.
func (c *cluster) daemon(t *testing.T, name string, args ...string) bool {
	t.Helper()
	out, err := os.Create(filepath.Join(c.dir, name+".out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(name, args...)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Log(err)
		return false
	}
	ended := make(chan struct{})
	c.ends = append(c.ends, ended)
	go func() {
		cmd.Wait()
		out.Close()
		close(ended)
	}()
	first := len(c.ends) == 1
	t.Cleanup(func() {
		if !first {
			cmd.Process.Signal(os.Interrupt)
		} else {
			cmd.Process.Kill() // munged keeps nothing
		}
		select {
		case <-ended:
		case <-time.After(commandtest.Patience()):
			cmd.Process.Kill()
			<-ended
		}
		if first {
			os.RemoveAll(c.dir)
		}
	})
	return true
}

// freePort returns a port that nobody had a moment ago.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o400); err != nil {
		t.Fatal(err)
	}
}

// run runs a command of Slurm's or of deploy/, which has to end well.
func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// await waits until something is so.
func (c *cluster) await(t *testing.T, what string, so func() bool) {
	t.Helper()
	for late := time.After(3 * commandtest.Patience()); !so(); {
		select {
		case <-late:
			jobs, _ := exec.Command("scontrol", "show", "job").CombinedOutput()
			t.Fatalf("never: %s\n%s", what, jobs)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// count returns how often a text is in a file, which need not be there.
func count(path, text string) int {
	b, _ := os.ReadFile(path)
	return bytes.Count(b, []byte(text))
}

// requeue asks for a job to be started again. One that has just ended, or is just ending, may not be: that is no
// matter.
func requeue(t *testing.T, id string) {
	t.Helper()
	if out, err := exec.Command("scontrol", "requeue", id).CombinedOutput(); err != nil {
		t.Logf("requeue %s: %v: %s", id, err, out)
	}
}
