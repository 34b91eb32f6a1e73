package main

import (
	"context"
	"encoding/json"
	"os"
	"time"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/deploy/processes"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

// processLine is the object of a process that was started or has ended.
type processLine struct {
	head
	Node     string `json:"node"`
	State    string `json:"state"`
	PID      int    `json:"pid"`
	Restarts int    `json:"restarts"`
	Reason   string `json:"reason,omitempty"`
}

// spoken returns what people are told of a node's line, or nothing: of what all nodes say, the server says it, and how
// the run ends, the run says by itself.
func spoken(e processes.Event) string {
	server := e.Node == deploy.RoleServer
	switch e.Name {
	case "figures", "lingering", "failed":
		return ""
	case "surpassed":
		var s surpassedLine
		if json.Unmarshal(e.Line, &s) == nil {
			return e.Node + ": " + s.Text
		}
	case "waiting":
		var w waitingLine
		if !server || json.Unmarshal(e.Line, &w) != nil {
			return ""
		}
		return waitingText(deploy.Waiting{Waits: w.Waits, Over: w.Over,
			Waited: time.Duration(w.WaitedS * float64(time.Second))})
	}
	return e.Node + ": " + string(e.Line)
}

// passed returns a node's line as the run tells it: with the node that it is of.
func passed(e processes.Event) json.RawMessage {
	node, _ := json.Marshal(e.Node)
	line := append([]byte(`{"node":`), node...)
	return append(append(line, ','), e.Line[1:]...) // an object with an event, so that something follows
}

// runProcesses trains with each node as a process of its own.
func runProcesses(ctx context.Context, c *console, l *local.Local, v view) (*job.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	o := &processes.Options{Executable: self, Run: l, OnRound: v.round, OnWarn: func(text string) { v.warn(c, text) }}
	o.OnProcess = func(p processes.Process) {
		if _, ok := v.(*jsonView); ok {
			writeLine(c.out, processLine{c.head("process"), p.Node, p.State, p.PID, p.Restarts, p.Reason})
		} else if p.Restarts > 0 && p.State == "started" {
			v.warn(c, p.String())
		}
	}
	o.OnEvent = func(e processes.Event) {
		var s scaledLine
		if _, ok := v.(*jsonView); ok {
			writeLine(c.out, passed(e))
		} else if e.Name == job.EventScaled && json.Unmarshal(e.Line, &s) == nil {
			v.scaled(s.Scaled)
		} else if text := spoken(e); text != "" {
			v.warn(c, text)
		}
	}
	return processes.Run(ctx, o)
}
