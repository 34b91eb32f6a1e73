package memory

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/transport"
)

// TestOptionsAreValidated: each field that cannot be is refused by its name; New takes it as the nearest that can be.
func TestOptionsAreValidated(t *testing.T) {
	if err := (Options{}).Validate(); err != nil {
		t.Error(err)
	}
	for field, o := range map[string]Options{
		"Drop": {Drop: -0.1}, "Duplicate": {Duplicate: 1.1}, "Reorder": {Reorder: math.NaN()}, "Break": {Break: 2},
		"DelayMin": {DelayMin: -1}, "DelayMax": {DelayMin: time.Second, DelayMax: time.Millisecond},
		"QueueMessages": {QueueMessages: -1}, "QueueBytes": {QueueBytes: -1}, "PacketBytes": {PacketBytes: -1},
	} {
		var no *transport.ConfigError
		if err := o.Validate(); !errors.As(err, &no) || no.Field != field || no.Want == "" {
			t.Errorf("%s: %v", field, err)
		}
		if err := o.sound().Validate(); err != nil {
			t.Errorf("%s: what it is taken as: %v", field, err)
		}
	}
}
