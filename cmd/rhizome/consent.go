package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/rhizome-ml/rhizome/internal/clean"
	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// consentWidth is how wide the lines are in which a person is asked.
const consentWidth = 80

// wrap returns a text in lines of at most consentWidth letters, broken between words: the first begins with the indent,
// the others two blanks further in. A word that is wider, such as a long digest, has a line of its own.
func wrap(text, indent string) string {
	var b strings.Builder
	line := indent
	for i, word := range strings.Fields(text) {
		if i > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > consentWidth {
			b.WriteString(line + "\n")
			line = indent + "  " + word
			continue
		}
		if i > 0 {
			line += " "
		}
		line += word
	}
	return b.String() + line + "\n"
}

// explained writes what a program may do here, for people. All names in it were chosen by whoever wrote the program.
func explained(w io.Writer, e *deploy.Explanation) error {
	var b strings.Builder
	say := func(indent, format string, args ...any) {
		for i, a := range args {
			if s, ok := a.(string); ok {
				args[i] = clean.Text(s, 200)
			}
		}
		b.WriteString(wrap(fmt.Sprintf(format, args...), indent))
	}
	say("", "job %s of the server %s", e.Job, e.Server)
	if e.Called != e.Job {
		say("  ", "the server calls it %s, which no digest covers", clean.Quote(e.Called, 64))
	}
	say("  ", "program %s (%s)", e.Digest, size(e.Bytes))
	does := "trains with"
	if len(e.Asked) > 0 {
		does = "counts over"
	}
	if e.Place == job.EdgesPlace {
		say("  ", "here it plays %s: it adds up what its clients send, and reads no data of this machine", e.Place)
	} else {
		say("  ", "here it plays %s, and %s the data of %s", e.Place, does, e.Data)
	}
	if len(e.Asked) > 0 {
		b.WriteString("what it counts\n")
	}
	for _, q := range e.Asked {
		say("  ", "%s", q)
	}
	b.WriteString("what leaves this machine, beside how many samples there are and that it is alive\n")
	if len(e.Leaves) == 0 {
		b.WriteString("  nothing\n")
	}
	for _, x := range e.Leaves {
		say("  ", "%s, to %s:", x.Edge, x.Peer)
		for _, c := range x.Carries {
			say("    ", "%s", "- "+carried(c))
		}
	}
	b.WriteString("what reaches it\n")
	for _, x := range e.Enters {
		say("  ", "%s, from %s: %d values", x.Edge, x.Peer, x.Values)
	}
	b.WriteString("it is built from\n")
	for _, p := range e.Components {
		say("  ", "%s %s %s", p.Slot, p.Kind, p.Config)
	}
	b.WriteString("it runs\n")
	for _, f := range e.Functions {
		say("  ", "%s %d ops, %s", f.Name, f.Ops, f.Starts)
	}
	say("", "it opens no file and no connection; a message has at most %s, its values at most %s", size(e.MessageBytes),
		size(e.FillBytes))
	_, err := io.WriteString(w, b.String())
	return err
}

// carried says what a value that leaves is.
func carried(c deploy.Carried) string {
	what := clean.Text(c.Type, 120)
	if c.Bytes >= 0 {
		what += ", " + size(c.Bytes)
	}
	switch {
	case c.Data:
		return "YOUR DATA ITSELF: " + what + ", which is " + clean.Text(c.From, 80) + " unchanged"
	case c.Wide:
		return "PERHAPS YOUR DATA: " + what + "; the program is too large to follow"
	case c.From != "":
		return fmt.Sprintf("%s, computed from data: %s through %d or more operations of arithmetic", what,
			clean.Text(c.From, 80), c.Ops)
	}
	return what + ", not computed from samples"
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
		return asked(c.out, os.Stdin)
	}
}

// asked asks for a yes or a no until there is one. The end of the input is a no.
func asked(out io.Writer, in io.Reader) (bool, error) {
	lines := bufio.NewReader(io.LimitReader(in, 1<<12))
	for {
		if _, err := fmt.Fprint(out, "\nlet it run here? yes or no: "); err != nil {
			return false, err
		}
		line, err := lines.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			return true, nil
		case "n", "no":
			return false, nil
		}
		if errors.Is(err, io.EOF) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
	}
}
