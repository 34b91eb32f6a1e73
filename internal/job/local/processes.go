package local

import (
	"errors"
	"io/fs"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// NodeDir returns the folder of a node: of the server for -1, or of a client.
func (l *Local) NodeDir(client int) string {
	if client < 0 {
		return filepath.Join(l.o.Dir, job.ServerName)
	}
	return filepath.Join(l.o.Dir, job.ClientName(client))
}

// Digest returns the digest of the run's artifact in hex.
func (l *Local) Digest() string { return l.record.Artifact }

// Clients returns who the clients of a run of processes are, by number, or nil where that was not settled yet.
func (l *Local) Clients() ([]wire.PeerID, error) {
	var p rundir.Processes
	err := journal.ReadSealed(l.fs, filepath.Join(l.o.Dir, rundir.ProcessesFile), &p)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case errors.Is(err, journal.ErrDamaged):
		return nil, l.o.refuse("has a damaged %s: bring it back from a copy, or start over with --fresh",
			rundir.ProcessesFile)
	}
	return p.Clients, err
}

// Settle writes down who the clients are.
func (l *Local) Settle(clients []wire.PeerID) error {
	return journal.WriteSealed(l.fs, filepath.Join(l.o.Dir, rundir.ProcessesFile), rundir.Processes{Clients: clients})
}

// Result returns the result of a run that is finished, or nil.
func (l *Local) Result() (*job.Result, error) {
	if !l.resumed {
		return nil, nil
	}
	return rundir.ReadResult(l.fs, l.o.Dir, l.record.Artifact)
}

// Started counts a start of the whole run; Dropped one of a single node.
func (l *Local) Started() error { return l.save(func(r *rundir.Record) { r.Starts++ }) }

// Dropped counts a restart of a single node.
func (l *Local) Dropped() error { return l.save(func(r *rundir.Record) { r.Drops++ }) }

// Adopt writes the result that the server of a run of processes has left in its folder as that of the run.
func (l *Local) Adopt() (*job.Result, error) {
	res, err := rundir.ReadResult(l.fs, l.NodeDir(-1), l.record.Artifact)
	if err != nil {
		return nil, err
	}
	if res == nil {
		return nil, &job.NodeError{Node: job.ServerName, Err: errors.New("ended without a result")}
	}
	l.saving.Lock()
	res.Restarts = max(l.record.Starts, 1) - 1 + l.record.Drops
	l.saving.Unlock()
	res.Resumed, res.Kept = l.resumed, false
	if err := rundir.CopyMetrics(l.fs, l.NodeDir(-1), l.o.Dir); err != nil {
		return nil, err
	}
	return rundir.CopyResult(l.fs, l.o.Dir, *res)
}
