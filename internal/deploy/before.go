package deploy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// callsFile holds the calls of an operator for a node that has never run: it takes them at its first start, before
// anything of any peer.
const callsFile = "calls.json"

// callsBefore bounds those calls.
const callsBefore = 4096

// storable are the calls that a node can take before it runs.
var storable = []string{engine.ControlBlock, engine.ControlUnblock, engine.ControlAllow, engine.ControlDisallow,
	engine.ControlOpen, engine.ControlClose}

// storedCalls reads the calls that wait for a first start.
func storedCalls(d *Dir) (calls []Request, err error) {
	err = journal.ReadSealed(d.FS, filepath.Join(d.Path, callsFile), &calls)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("%s: %w", filepath.Join(d.Path, callsFile), err)
	}
	return calls, nil
}

// storeCall keeps a call for the first start of a node.
func storeCall(d *Dir, q Request) (*Reply, error) {
	if !slices.Contains(storable, q.Op) {
		return nil, refuse(d.Path, "holds a node without a job, which can take this call only when it has one: "+
			"start it once")
	}
	if q.Peer != "" {
		if err := wire.PeerID(q.Peer).Validate(); err != nil {
			return nil, err
		}
	}
	calls, err := storedCalls(d)
	if err != nil {
		return nil, err
	}
	if len(calls) >= callsBefore {
		return nil, refuse(d.Path, "holds %d calls for its first start, more than which are not kept", callsBefore)
	}
	return &Reply{}, journal.WriteSealed(d.FS, filepath.Join(d.Path, callsFile),
		append(calls, Request{Op: q.Op, Peer: q.Peer}))
}

// takeStored has the node that just started take the calls that were stored before there was one. Nothing of a peer has
// reached it yet. What is refused, such as a second block of one peer, has the effect already. A crash in between has
// them taken again, which changes nothing.
func (r *running) takeStored() error {
	calls, err := storedCalls(r.dir)
	if err != nil || len(calls) == 0 {
		return err
	}
	for _, q := range calls {
		ctx, cancel := context.WithTimeout(r.done, callWithin)
		_, err := r.host.Control(ctx, "", q.Op, wire.PeerID(q.Peer), "")
		cancel()
		if err != nil {
			return fmt.Errorf("the call %s of before the first start: %w", q.Op, err)
		}
	}
	if err := r.dir.FS.Remove(filepath.Join(r.dir.Path, callsFile)); err != nil {
		return err
	}
	return r.dir.FS.SyncDir(r.dir.Path)
}
