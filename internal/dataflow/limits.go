package dataflow

import "github.com/rhizome-ml/rhizome/value"

// Limits bounds everything in a machine.
type Limits struct {
	OpsPerPoll      int          // ops that one Poll runs; the rest stays on the frontier
	Frames          int          // activations alive at once
	SlotBytes       int          // of values in frames, and as much again in queues and held values
	CallDepth       int          // nesting of calls, branches and loops
	PendingCommands int          // commands given out; ops wait beyond it
	Parked          int          // ops that wait
	BusEvents       int          // queued events; Publish fails beyond it
	AppEvents       int          // events that the host has not acknowledged; AppEmit waits beyond it
	AppEventBytes   int          // of one event
	Timers          int          // armed timers; arming fails beyond it
	Holds           int          // named held values
	Queues          int          // named queues
	QueueLength     int          // values in one queue
	Records         int          // named rings
	RecordEntries   int          // entries of one ring
	Counters        int          // named counters; later names count under "other"
	Latches         int          // keys seen; the oldest is forgotten beyond it
	Values          value.Limits // of bundles, and of what a codec gives
}
