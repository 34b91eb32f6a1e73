package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/prove"
)

// covered shows of each part what a ledger has: when all of it was tried last in one run, and each turn since.
func covered(c *console, ledger string, parts []prove.Part, asJSON bool) error {
	if _, err := os.Stat(ledger); errors.Is(err, fs.ErrNotExist) {
		return &badInput{fmt.Sprintf("there is no ledger %s; a run of prove with --ledger %[1]s writes one", ledger)}
	}
	entries, err := prove.ReadLedger(ledger)
	if err != nil {
		return err
	}
	for _, p := range parts {
		last := map[string]prove.Entry{} // by turn
		for _, e := range entries {
			if e.Part == p.Name() && e.Time >= last[e.Turn].Time {
				last[e.Turn] = e
			}
		}
		whole := last[""]
		var rest []prove.Entry
		for turn, e := range last {
			if turn != "" && e.Time > whole.Time {
				rest = append(rest, e)
			}
		}
		slices.SortFunc(rest, func(a, b prove.Entry) int { return cmp.Compare(a.Turn, b.Turn) })
		if asJSON {
			line := struct {
				Part  string        `json:"part"`
				Whole *prove.Entry  `json:"whole,omitempty"`
				Turns []prove.Entry `json:"turns,omitempty"`
			}{Part: p.Name(), Turns: rest}
			if whole.Time != "" {
				line.Whole = &whole
			}
			writeLine(c.out, line)
			continue
		}
		text := "never whole"
		if whole.Time != "" {
			text = "whole " + when(whole)
		}
		for _, e := range rest {
			text += fmt.Sprintf("; turn %s %s", e.Turn, when(e))
		}
		fmt.Fprintf(c.out, "%-12s %s\n", p.Name(), text)
	}
	return nil
}

// when says when and on what a part was tried.
func when(e prove.Entry) string {
	day, _, _ := strings.Cut(e.Time, "T")
	return fmt.Sprintf("%s at %s", day, e.Commit)
}
