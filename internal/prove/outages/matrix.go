package outages

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/live"
)

// Matrix kills each role in each phase, and lets it come back in each way.
type Matrix struct{ Command }

// Name is matrix.
func (Matrix) Name() string { return "matrix" }

// Promise is what holds of every cell.
func (Matrix) Promise() string {
	return "each role, killed in each phase, back at once, after 10 s, or after its disk was full: the model is the " +
		"same, nothing is lost or counted twice"
}

// Cell is one role in one phase, and how it comes back.
type Cell struct{ Role, Phase, Way string }

// The roles, and the ways to come back.
const (
	server = "server"
	client = "client"

	atOnce = "restart at once"
	later  = "after 10 s"
	full   = "full disk"
)

// Cells are all cells that there are.
func Cells() (out []Cell) {
	for _, way := range []string{later, full, atOnce} { // those that wait first, so that the others run beside them
		for _, p := range phaseRows {
			out = append(out, Cell{server, p.name, way})
			if p.none == "" {
				out = append(out, Cell{client, p.name, way})
			}
		}
	}
	return out
}

// Floors is every cell, and how many those of each phase are.
func (Matrix) Floors() []prove.Floor { return floorsOf(Cells()) }

// Turn is every cell of a share.
func (Matrix) Turn(t prove.Turn) (uint64, []prove.Floor) {
	from, to := t.Items(uint64(len(Cells())))
	return 1 + from, floorsOf(Cells()[from:to])
}

func floorsOf(cells []Cell) []prove.Floor {
	out := []prove.Floor{{What: "cells", N: uint64(len(cells))}}
	for _, p := range phaseRows {
		n := 0
		for _, c := range cells {
			if c.Phase == p.name {
				n++
			}
		}
		if n > 0 {
			out = append(out, prove.Floor{What: "cells " + p.name, N: uint64(n)})
		}
	}
	return out
}

// Weight is the part's share of the time.
func (Matrix) Weight() int { return 3 }

// Run tries one cell for each seed, several at once.
func (m Matrix) Run(s *prove.Shard) error {
	_, last := s.Turn.Items(uint64(len(Cells())))
	return together(s, 4, last, m.try)
}

func (m Matrix) try(s *tally, seed uint64) error {
	c := Cells()[(seed-1)%uint64(len(Cells()))]
	err := m.cell(s, c)
	for again := 0; again < 3 && (errors.Is(err, errGone) || errors.Is(err, errMissed)); again++ {
		s.Add("jobs that ended before the phase was met", 1)
		err = m.cell(s, c)
	}
	if err != nil {
		return fmt.Errorf("%s, %s, %s: %w", c.Role, c.Phase, c.Way, err)
	}
	s.Add("cells", 1)
	s.Add("cells "+c.Phase, 1)
	return nil
}

// Table is the matrix in Markdown: what each role does in each phase, and what came of every cell when all of them
// hold.
func Table() string {
	var b strings.Builder
	ways := []string{atOnce, later, full}
	b.WriteString("| phase | role | what it is at | " + strings.Join(ways, " | ") + " |\n|---|---|---|" +
		strings.Repeat("---|", len(ways)) + "\n")
	for _, p := range phaseRows {
		for _, role := range []string{server, client} {
			text, verdict := p.server, "same model"
			if role == client {
				text = p.client
			}
			if text == "" {
				text, verdict = p.none, "none"
			}
			fmt.Fprintf(&b, "| %s | %s | %s |%s\n", p.name, role, text, strings.Repeat(" "+verdict+" |", len(ways)))
		}
	}
	return b.String()
}

// The nodes of a cell: the server, the client that is killed where a client is, and another.
const (
	theServer = iota
	theClient
	theOther
)

// cell runs a job, catches the phase, and lets the node come back.
func (m Matrix) cell(s *tally, c Cell) (err error) {
	// So large that snapshots come soon and steps take a while, and the same for all cells: one undisturbed run serves
	// them.
	z := size{rounds: 20, clients: 2, set: map[string]string{"hidden": "768", "epochs": "2"}}
	t, err := begin(s, m.Command, 1, z)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	k, err := newCatch(t, c)
	if err != nil {
		return err
	}
	defer k.close()
	if err := k.warm(); err != nil {
		return err
	}
	if err := k.reach(); err != nil {
		return err
	}
	if err := k.strike(); err != nil {
		return err
	}
	return k.finish(long, true)
}

// strike ends the node that stands in its phase, and lets it come back.
func (k *catch) strike() error {
	i := k.target
	if k.c.Way == full {
		if err := k.disk.Fill(); err != nil {
			return err
		}
	} else {
		k.procs[i].Kill()
	}
	if err := k.goOn(); err != nil {
		return err
	}
	switch k.c.Way {
	case later:
		if !k.pause(10 * time.Second) {
			return errOver
		}
	case full:
		code, err := k.procs[i].Wait(soon)
		if err != nil {
			return fmt.Errorf("on a full disk: %w", err)
		}
		if err := k.procs[i].Drain(soon); err != nil {
			return err
		}
		if code <= 0 || !strings.Contains(k.procs[i].Errors(), "no space left") {
			return fmt.Errorf("on a full disk the node ended with code %d:\n%s", code, k.procs[i].Log())
		}
		if err := k.disk.Free(); err != nil {
			return err
		}
	}
	return k.start(i)
}

// goOn continues the nodes that were stopped, and starts those that were not to come yet.
func (k *catch) goOn() error {
	for i, p := range k.procs {
		if p != nil {
			p.Signal(live.Resume)
		} else if err := k.start(i); err != nil {
			return err
		}
	}
	return nil
}

// isDown says whether a node's process has ended.
func isDown(p *live.Process) bool {
	select {
	case <-p.Gone():
		return true
	default:
		return false
	}
}
