package wires

import (
	"fmt"
	"time"
)

// Conditions say what a Wire does to the packets of each direction.
type Conditions struct {
	Delay   time.Duration // from one end to the other; the way there and back takes twice that
	Loss    float64       // the share of packets that is lost, 0 to 1
	Seed    uint64        // names the packets that are lost, by their place in the order of each direction
	Packets int           // that may be under way in one direction; 0 is 4,096; what comes on top is lost and counted
}

// Translation is how a Router shows the addresses of those behind it to those outside.
type Translation string

// The kinds of translators that are met. All keep what nobody behind them has asked for out, but FullCone.
const (
	FullCone   Translation = "full-cone"       // one outer port for an inner one, and anybody may send to it
	Restricted Translation = "port-restricted" // one outer port for an inner one; only who was sent to may send to it
	Symmetric  Translation = "symmetric"       // another outer port for each that is sent to
)

// Counts are what became of the packets that entered a Wire.
type Counts struct {
	Passed uint64 // were handed over
	Lost   uint64 // by chance
	Cut    uint64 // while the wire was cut
	Full   uint64 // too many were under way
}

// String is the counts in words.
func (c Counts) String() string {
	return fmt.Sprintf("%d packets passed, %d were lost, %d met the cut, %d met a full queue", c.Passed, c.Lost, c.Cut,
		c.Full)
}

// UnavailableError says why this machine cannot have hosts of its own.
type UnavailableError struct {
	What string
	Err  error
}

// Error says what is missing.
func (e *UnavailableError) Error() string { return fmt.Sprintf("%s: %v", e.What, e.Err) }

// Unwrap returns what the system said.
func (e *UnavailableError) Unwrap() error { return e.Err }
