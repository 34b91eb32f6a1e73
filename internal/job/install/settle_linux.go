package install

import (
	"bytes"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// unmapProgram has the system forget which pages of the program's file the process has touched. They stay in the page
// cache, for this and other processes, and come back, without the disk, where they are needed. Only what is read-only
// and has no page of the process's own is named, so nothing can be lost.
func unmapProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return
	}
	var from, to uint64
	for line := range bytes.Lines(maps) {
		text := string(line)
		var a, b uint64
		var perms string
		if n, _ := fmt.Sscanf(text, "%x-%x %s ", &a, &b, &perms); n == 3 { // the head of a mapping
			from, to = 0, 0
			if (perms == "r-xp" || perms == "r--p") && strings.HasSuffix(strings.TrimSpace(text), " "+self) {
				from, to = a, b
			}
			continue
		}
		if to > 0 && strings.HasPrefix(text, "Anonymous:") {
			if strings.Join(strings.Fields(text), " ") == "Anonymous: 0 kB" {
				_, _, _ = unix.Syscall(unix.SYS_MADVISE, uintptr(from), uintptr(to-from), unix.MADV_DONTNEED)
			}
			from, to = 0, 0
		}
	}
}
