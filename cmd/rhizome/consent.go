package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	"github.com/rhizome-ml/rhizome/deploy"
)

// explained writes what a program may do here, for people.
func explained(w io.Writer, e *deploy.Explanation) error {
	var b strings.Builder
	fmt.Fprintf(&b, "job %s of the server %s\n  program  %s, %s\n  here     it plays %s, and trains with the data of %s\n",
		e.Job, e.Server, e.Digest, size(e.Bytes), e.Place, e.Data)
	fmt.Fprintf(&b, "it is built from\n")
	for _, p := range e.Components {
		fmt.Fprintf(&b, "  %-10s %s %s\n", p.Slot, p.Kind, p.Config)
	}
	fmt.Fprintf(&b, "it runs\n")
	for _, f := range e.Functions {
		fmt.Fprintf(&b, "  %-10s %d ops, %s\n", f.Name, f.Ops, f.Starts)
	}
	crossings := func(head string, all []deploy.Crossing, verb string) {
		fmt.Fprintf(&b, "%s\n", head)
		if len(all) == 0 {
			b.WriteString("  nothing\n")
		}
		for _, x := range all {
			fmt.Fprintf(&b, "  %-10s %d values %s %s\n", x.Edge, x.Values, verb, x.Peer)
		}
	}
	crossings("what leaves this machine, beside how many samples there are and that it is alive", e.Leaves, "to")
	crossings("what reaches it", e.Enters, "from")
	fmt.Fprintf(&b, "it opens no file and no connection; a message has at most %s, its values at most %s\n", size(e.MessageBytes), size(e.FillBytes))
	var keys []string
	for k := range e.Settings {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b.WriteString("the job's settings:")
	for _, k := range keys {
		fmt.Fprintf(&b, " %s %s", k, e.Settings[k])
	}
	b.WriteByte('\n')
	_, err := io.WriteString(w, b.String())
	return err
}

// asker returns what asks a person at the terminal, or nil where there is none.
func asker(c *console) func(*deploy.Explanation) (bool, error) {
	if _, ok := terminal(c.out); !ok || !term.IsTerminal(int(os.Stdin.Fd())) {
		return nil
	}
	return func(e *deploy.Explanation) (bool, error) {
		if err := explained(c.out, e); err != nil {
			return false, err
		}
		fmt.Fprint(c.out, "\nlet it run here? yes or no: ")
		line, err := bufio.NewReader(io.LimitReader(os.Stdin, 1<<10)).ReadString('\n')
		if err != nil && err != io.EOF {
			return false, err
		}
		return strings.EqualFold(strings.TrimSpace(line), "yes"), nil
	}
}
