package bench

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime/debug"
	"strings"
	"time"
)

// netLine is what the bench reads of the lines that the commands of nodes write.
type netLine struct {
	Event     string   `json:"event"`
	Addresses []string `json:"addresses"`
	Digest    string   `json:"digest"`
}

// netCommand is a process of the command line.
type netCommand struct {
	cmd   *exec.Cmd
	in    io.Closer
	errs  bytes.Buffer
	lines chan netLine
}

// run starts the command line with arguments. It ends when its standard input does.
func (r *netRun) run(args ...string) (*netCommand, error) {
	c := &netCommand{cmd: r.Command(append(args, "--json", "--child")...), lines: make(chan netLine, 64)}
	c.cmd.Stderr = &c.errs
	in, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	c.in = in
	go func() {
		defer close(c.lines)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var l netLine
			if json.Unmarshal(lines.Bytes(), &l) == nil {
				c.lines <- l
			}
		}
	}()
	return c, nil
}

// wait returns the next line of an event. Others are read and left out.
func (c *netCommand) wait(event string, patience time.Duration) (netLine, error) {
	over := time.After(patience)
	for {
		select {
		case l, ok := <-c.lines:
			switch {
			case !ok:
				c.cmd.Wait()
				return l, fmt.Errorf("%s ended before its %s: %s", strings.Join(c.cmd.Args[1:3], " "), event,
					c.errs.String())
			case l.Event == event:
				return l, nil
			}
		case <-over:
			return netLine{}, fmt.Errorf("%s told no %s within %v", strings.Join(c.cmd.Args[1:3], " "), event, patience)
		}
	}
}

// drain reads on, so that the process does not wait to be read.
func (c *netCommand) drain() {
	go func() {
		for range c.lines {
		}
	}()
}

// end ends the process.
func (c *netCommand) end() {
	c.in.Close()
	c.drain()
	kill := time.AfterFunc(20*time.Second, func() { c.cmd.Process.Kill() })
	defer kill.Stop()
	c.cmd.Wait()
}

// ownMemory is what of this process is not the content of files, in bytes, once what it does not need is given back.
func ownMemory() float64 {
	debug.FreeOSMemory()
	_, own := resident(os.Getpid())
	return own
}

// resident returns what a process has in memory now, all of it and what is not the content of files, in bytes. It is 0
// where the system does not tell.
func resident(pid int) (all, own float64) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(b)) {
		var n float64
		if _, err := fmt.Sscanf(line, "VmRSS: %f kB", &n); err == nil {
			all = n * 1024
		}
		if _, err := fmt.Sscanf(line, "RssAnon: %f kB", &n); err == nil {
			own = n * 1024
		}
	}
	return all, own
}
