package processes

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/deploy/identity"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// members gives each client a key, once. The keys are drawn, and dealt so that the peer ids have the order of those of
// a run in one process: cohorts are drawn from the sorted ids, so the same clients take part in the same rounds.
func members(fsys vfs.FS, l *local.Local) ([]wire.PeerID, error) {
	settled, err := l.Clients()
	if err != nil {
		return nil, err
	}
	if settled != nil {
		for i, want := range settled {
			id, err := identity.Read(fsys, l.NodeDir(i))
			if err == nil && id.Peer() != want {
				err = errors.New("the key is another one")
			}
			if err != nil {
				return nil, &job.StateError{Dir: l.NodeDir(i),
					Reason: fmt.Sprintf("has lost who it was, and the run cannot go on without it (%v): "+
						"bring %s back from a copy, restore a backup with rhizome restore FILE --dir NEW, or start over "+
						"with --fresh", err, identity.File)}
			}
		}
		return settled, nil
	}
	n := l.Config().About().Clients
	ids := make([]*identity.Identity, n)
	for i := range ids {
		if ids[i], err = identity.New(); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(ids, func(a, b *identity.Identity) int {
		return strings.Compare(string(a.Peer()),
			string(b.Peer()))
	})
	local := make([]wire.PeerID, n) // of the clients of a run in one process
	for i := range local {
		if local[i], err = job.LocalPeer(l.Config().About().Seed, job.ClientName(i)); err != nil {
			return nil, err
		}
	}
	order := make([]int, n) // clients in the order of their ids in one process
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return strings.Compare(string(local[a]), string(local[b])) })
	out := make([]wire.PeerID, n)
	for rank, i := range order {
		// A key that is there was made by a start that was interrupted before anything ran with it.
		if err := fsys.Remove(filepath.Join(l.NodeDir(i), identity.File)); err != nil &&
			!errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		if err := ids[rank].Write(fsys, l.NodeDir(i)); err != nil {
			return nil, err
		}
		out[i] = ids[rank].Peer()
	}
	return out, l.Settle(out)
}
