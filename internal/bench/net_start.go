package bench

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// netIdle is how long clients are left alone before their memory is looked at.
const netIdle = 2 * time.Second

// netStart measures how long a client takes from its start until the server counts it as a member, and what a client
// that has nothing to do holds in memory. The server waits for more clients than come.
func netStart(r *netRun, emit func(Metric)) error {
	dir, remove := r.folder()
	defer remove()
	at := filepath.Join(dir, "server")
	server, err := r.run("server", "digits", "--open", "--lan=false", "--clients", "64", "--dir", at, "--listen",
		"/ip4/127.0.0.1/tcp/0")
	if err != nil {
		return err
	}
	defer server.end()
	listening, err := server.wait("listening", netPatience)
	if err != nil {
		return err
	}
	server.drain()
	var took, bare, all, own []float64
	var clients []*netCommand
	defer func() {
		for _, c := range clients {
			c.end()
		}
	}()
	for i := range r.Repeat {
		began := time.Now()
		if err := r.Command("version").Run(); err != nil {
			return fmt.Errorf("version: %w", err)
		}
		bare = append(bare, time.Since(began).Seconds()*1e3)
		began = time.Now()
		c, err := r.run("join", listening.Addresses[0], "--trust", listening.Digest, "--dir",
			filepath.Join(dir, fmt.Sprint("client", i)), "--listen", "/ip4/127.0.0.1/tcp/0")
		if err != nil {
			return err
		}
		c.drain()
		clients = append(clients, c)
		if err := r.member(at, int64(i)+1); err != nil {
			return fmt.Errorf("%w: %s", err, c.errs.String())
		}
		took = append(took, time.Since(began).Seconds()*1e3)
	}
	emit(metric(netBench, "start_to_registered_ms", middleOf(took), "ms", middleOf(bare),
		"the same program, which prints its version").aim(200))
	<-time.After(netIdle)
	for _, c := range clients {
		a, o := resident(c.cmd.Process.Pid)
		all, own = append(all, a/1e6), append(own, o/1e6)
	}
	if m := middleOf(all); m > 0 {
		emit(metric(netBench, "client_idle_rss_mb", m, "MB", middleOf(own),
			"what of it is not the content of files").aim(25))
	}
	return nil
}

// member waits until the server in a directory counts so many members. Each question is a call at its socket.
func (r *netRun) member(dir string, want int64) error {
	until := time.Now().Add(netPatience)
	for {
		got, err := r.Members(dir)
		if err != nil || got >= want {
			return err
		}
		if time.Now().After(until) {
			return fmt.Errorf("the server has %d members, and not %d, after %v", got, want, netPatience)
		}
		<-time.After(time.Millisecond)
	}
}

// folder returns a new directory of many files, and what removes it.
func (r *netRun) folder() (dir string, remove func()) {
	r.made++
	dir = filepath.Join(r.dir, fmt.Sprintf("net%d.bench", r.made))
	return dir, func() { os.RemoveAll(dir) }
}

func middleOf(all []float64) float64 {
	if len(all) == 0 {
		return 0
	}
	all = slices.Sorted(slices.Values(all))
	return all[len(all)/2]
}

// netSize tells how large the program is.
func netSize(r *netRun, emit func(Metric)) error {
	path := r.Command().Path
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	loaded := 0.0
	if f, err := elf.Open(path); err == nil {
		for _, s := range f.Sections {
			if s.Flags&elf.SHF_ALLOC != 0 && s.Type != elf.SHT_NOBITS {
				loaded += float64(s.Size) / 1e6
			}
		}
		f.Close()
	}
	emit(metric(netBench, "binary_mb", float64(info.Size())/1e6, "MB", loaded, "what of it is ever loaded").aim(40))
	return nil
}
