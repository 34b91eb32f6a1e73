package hunt

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/planted"
	"github.com/rhizome-ml/rhizome/internal/planted/active"
	"github.com/rhizome-ml/rhizome/internal/prove"
)

// command is what is built with all planted bugs.
const command = "github.com/rhizome-ml/rhizome/cmd/rhizome"

// hound is a build with all planted bugs.
type hound struct{ bin string }

// build builds the command of the tree in whose folder the process was started.
func build(dir string, index int) (*hound, error) {
	h := &hound{filepath.Join(dir, fmt.Sprintf("planted-%d", index))}
	root, err := planted.Root(".")
	if err != nil {
		return nil, err
	}
	overlay, err := planted.Overlay(root, h.bin+".overlay", planted.Bugs())
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("go", "build", "-overlay", overlay, "-o", h.bin, command)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("the hunt builds the command anew, which needs go and the folder of the tree: %w\n%s",
			err, out)
	}
	return h, nil
}

// grace is how much longer than its time a process may take for its present seed before it counts as one that hangs.
var grace = 10 * time.Second

// chase is what one process found.
type chase struct {
	State prove.State
	found bool
	took  time.Duration
}

// run tries seeds from first on in a process of its own with a bug on, at most so long. A process that falls over has
// found the bug too. The error is one of the machine.
func (h *hound) run(bug string, first uint64, limit time.Duration) (*chase, error) {
	start := time.Now()
	cmd := exec.Command(h.bin, "prove", Part{}.Name(), "--shard", "0/1", "--first", strconv.FormatUint(first, 10),
		"--until", strconv.FormatInt(start.Add(limit).UnixMilli(), 10))
	cmd.Env = append(os.Environ(), active.Variable+"="+bug, "GOMAXPROCS=1")
	var errs bytes.Buffer
	cmd.Stderr = &errs
	in, err := cmd.StdinPipe() // open as long as this process lives
	if err != nil {
		return nil, err
	}
	defer in.Close()
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	hung := time.AfterFunc(limit+grace, func() { cmd.Process.Kill() })
	defer hung.Stop()
	c := &chase{}
	for lines := bufio.NewReader(out); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		var s prove.State
		if json.Unmarshal(line, &s) == nil {
			c.State = s
		}
	}
	err = cmd.Wait()
	c.took = time.Since(start)
	switch {
	case c.State.Error != "":
		return nil, errors.New(c.State.Error)
	case c.State.Done:
		c.found = c.State.Failed > 0
	case c.took > limit:
		return c, fmt.Errorf("the process hangs: %w", err)
	default:
		c.found = true
	}
	if bug == "" && !c.State.Done {
		return nil, fmt.Errorf("the process ended: %w\n%s", err, errs.String())
	}
	return c, nil
}
