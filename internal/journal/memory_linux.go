package journal

import "syscall"

// machineMemory returns how many bytes of memory the machine has, or 0 where it does not tell.
func machineMemory() int64 {
	var info syscall.Sysinfo_t
	if err := syscall.Sysinfo(&info); err != nil {
		return 0
	}
	return int64(min(uint64(info.Totalram)*uint64(info.Unit), 1<<62))
}
