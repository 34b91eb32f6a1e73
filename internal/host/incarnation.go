package host

import (
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host/directory"
	"github.com/rhizome-ml/rhizome/snapshot"
)

// Prove signs engine.StartText with the node's key; nil where the node has none that others could check.
type Prove func(text []byte) []byte

// born returns when the life that begins now does, for its peers, and the proof: by the clock, and later than the one
// before in any case. Where the clock is behind that, the part of a second that it shows still tells two lives apart
// that both follow on the same one, as where a directory went back.
func (d *Durable) born(wall int64, prove Prove) (start uint64, proof []byte) {
	last := d.Node.Engine().Start()
	switch start = uint64(max(0, wall)) / 1000; {
	case start == last:
		start++
	case start < last:
		start = last + 1 + start%1e6
	}
	if prove != nil {
		proof = prove(engine.StartText(start))
	}
	return start, proof
}

// Restart makes the next incarnation durable and returns the first input of this life. It is to be stepped before
// anything else. wall is the host's clock, in nanoseconds.
func (d *Durable) Restart(rec *Recovery, wall int64, prove Prove) (*engine.Event, error) {
	if d.paused != nil {
		return nil, d.paused
	}
	start, proof := d.born(wall, prove)
	if rec.New {
		return &engine.Event{Restarted: &snapshot.RestartedEvent{First: true, Start: start, Proof: proof,
			Rules: engine.CurrentRules}}, nil
	}
	if err := directory.SetLives(d.store.FS, d.store.Dir, rec.Incarnation); err != nil {
		return nil, err
	}
	return &engine.Event{Restarted: &snapshot.RestartedEvent{
		Incarnation: rec.Incarnation, NewEpoch: rec.NewEpoch, Rules: engine.CurrentRules, Start: start, Proof: proof,
		Limits: d.Node.Engine().RestartLimits(d.Node.Config().Limits),
	}}, nil
}
