package install

import (
	"runtime/debug"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/program"
)

// settleAfter is how long after its start a client is held to have started.
const settleAfter = time.Second

var settling sync.Once

// Settle gives back, a second from now, what the start of a client took and nothing needs afterwards: garbage, and the
// pages of the program that only its start goes through. A client waits for hours for its next task, often on a small
// machine beside other programs. It does so once in the life of a process, and not for a server, which goes on working.
func Settle(p *program.Program) {
	if p.Place == job.ServerPlace {
		return
	}
	settling.Do(func() {
		time.AfterFunc(settleAfter, func() {
			debug.FreeOSMemory()
			unmapProgram()
		})
	})
}
