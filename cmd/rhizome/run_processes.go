package main

import (
	"context"
	"os"

	"github.com/rhizome-ml/rhizome/deploy/processes"
	"github.com/rhizome-ml/rhizome/job"
)

// processLine is the object of a process that was started or has ended.
type processLine struct {
	Event    string `json:"event"`
	Node     string `json:"node"`
	State    string `json:"state"`
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	Reason   string `json:"reason,omitempty"`
}

// runProcesses trains with each node as a process of its own.
func runProcesses(ctx context.Context, c *console, l *job.Local, v view) (*job.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o := &processes.Options{Executable: self, Run: l, OnRound: v.round, OnWarn: func(text string) { v.warn(c, text) }}
	o.OnProcess = func(p processes.Process) {
		if _, ok := v.(*jsonView); ok {
			writeLine(c.out, processLine{"process", p.Node, p.State, p.PID, p.Restarts, p.Reason})
		} else if p.Restarts > 0 && p.State == "started" {
			v.warn(c, p.String())
		}
	}
	return processes.Run(ctx, o)
}
