package live

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// endWithParent has a process die with the thread that started it.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// marked says whether a living process has an entry in its environment.
func marked(pid int, mark string) bool {
	env, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/environ")
	if err != nil {
		return false // gone, or of somebody else
	}
	for _, v := range bytes.Split(env, []byte{0}) {
		if string(v) == mark {
			return true
		}
	}
	return false
}

// family returns the living processes that have an entry in their environment. One that has ended and was not waited
// for has no environment any more.
func family(mark string) (pids []int) {
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		if pid, err := strconv.Atoi(filepath.Base(name)); err == nil && pid != os.Getpid() && marked(pid, mark) {
			pids = append(pids, pid)
		}
	}
	return pids
}
