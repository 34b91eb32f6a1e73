package hostile

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// live is a node that is fed mutants, and its twin, which is fed only those that the node accepted.
type live struct {
	node, twin         *node.Node
	now                int64
	delivered, refused uint64
	codes              map[string]uint64
}

func newLive(v *victim) (*live, error) {
	l := &live{now: v.now, codes: map[string]uint64{}}
	var err error
	if l.node, err = node.Restored(v.cfg, v.snapshot); err != nil {
		return nil, err
	}
	l.twin, err = node.Restored(v.cfg, v.snapshot)
	return l, err
}

// codes are the reasons for which an engine refuses.
var codes = map[string]bool{
	engine.RefusedFull: true, engine.RefusedTooLarge: true, engine.RefusedStranger: true, engine.RefusedFormat: true,
	engine.RefusedVersion: true, engine.RefusedAddress: true, engine.RefusedDigest: true, engine.RefusedUnknown: true,
}

// deliver gives an envelope to the node, and to the twin if it was accepted.
func (l *live) deliver(from wire.PeerID, raw []byte) error {
	raw = bytes.Clone(raw)
	l.delivered++
	if err := l.node.Deliver(host.Arrived(from, raw)); err != nil {
		var re *engine.RefusedError
		if !errors.As(err, &re) || !codes[re.Code] || re.Reason == "" {
			return fmt.Errorf("the node refused in a way that is not promised: %w", err)
		}
		l.refused++
		l.codes[re.Code]++
		return nil
	}
	if err := l.twin.Deliver(host.Arrived(from, raw)); err != nil {
		return fmt.Errorf("what the node accepted its twin, which saw no mutant that was refused, does not: %w", err)
	}
	l.now += 1e6
	return l.poll()
}

// pollsMax bounds the polls that one input may need.
const pollsMax = 1000

// poll runs both until they have nothing to do, and compares what leaves them.
func (l *live) poll() error {
	for range pollsMax {
		a, b := l.node.Poll(l.now), l.twin.Poll(l.now)
		if a.Digest(l.node.Config().Values) != b.Digest(l.node.Config().Values) {
			return fmt.Errorf("the node gives other outputs than its twin, which saw no mutant that was refused")
		}
		if n := len(a.AppEvents); n > 0 {
			told := a.AppEvents[n-1].Number
			for _, n := range []*node.Node{l.node, l.twin} {
				if err := n.Deliver(host.Told(told)); err != nil {
					return err
				}
			}
			continue
		}
		if !a.More {
			return nil
		}
	}
	return fmt.Errorf("the node still has work after %d polls", pollsMax)
}

// audit holds the node against its twin, and its counters against what it refused.
func (l *live) audit() error {
	if err := l.poll(); err != nil {
		return err
	}
	for _, c := range l.node.Engine().Refusals() {
		if c.Count != l.codes[c.Name] {
			return fmt.Errorf("the node counts %d refusals (%s), and gave %d", c.Count, c.Name, l.codes[c.Name])
		}
	}
	a, err := l.node.Snapshot()
	if err != nil {
		return err
	}
	b, err := l.twin.Snapshot()
	if err == nil && !bytes.Equal(a, b) {
		err = fmt.Errorf("the state of the node (%d bytes) is not that of its twin (%d bytes), which saw no mutant "+
			"that was refused", len(a), len(b))
	}
	return err
}
