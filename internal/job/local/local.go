package local

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"time"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/observe"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// Run runs the job to its end and returns the result; on a directory whose run is finished it trains nothing. When ctx
// ends first, all nodes are stopped cleanly and the error is ErrInterrupted.
func (l *Local) Run(ctx context.Context) (*job.Result, error) {
	if l.resumed {
		res, err := rundir.ReadResult(l.fs, l.o.Dir, l.record.Artifact)
		if err != nil || res != nil {
			return l.withPersonal(nil, res, err)
		}
	}
	c, err := newCluster(l)
	if err != nil {
		return nil, err
	}
	if c.metrics, err = rundir.OpenMetrics(l.fs, l.o.Dir); err != nil {
		return nil, err
	}
	defer c.metrics.Close()
	if res, err := l.restoreResult(c); err != nil || res != nil {
		return l.withPersonal(c, res, err)
	}
	res, err := l.train(ctx, c)
	return l.withPersonal(c, res, err)
}

// train runs the nodes until the server has told its result.
func (l *Local) train(ctx context.Context, c *cluster) (*job.Result, error) {
	var side sync.WaitGroup
	stop := make(chan struct{})
	if l.o.Chaos > 0 {
		c.chaos = make(chan job.Round, 1024)
		side.Go(func() { c.drops(stop) })
	}
	err := l.save(func(r *rundir.Record) { r.Starts++ })
	if err == nil {
		err = c.run()
	}
	unusable := err // a node that cannot start is told, although the server may have told its result again meanwhile
	if err == nil && l.record.State != rundir.StateRunning {
		err = l.save(func(r *rundir.Record) { r.State = rundir.StateRunning })
	}
	if err == nil {
		c.nodes[0].life.Lock()
		err = c.again()
		c.nodes[0].life.Unlock()
	}
	if err == nil {
		side.Go(func() { c.watch(stop) })
		select {
		case <-c.finished:
		case err = <-c.failed:
		case <-ctx.Done():
			err = job.ErrInterrupted
		}
	}
	close(stop)
	side.Wait()
	closed := c.close()
	if unusable != nil {
		return nil, unusable
	}
	select {
	case <-c.finished: // the result is there, whatever came after it
		return c.result, nil
	default:
	}
	if err == nil {
		err = closed
	}
	return nil, err
}

// Keeps returns how many snapshots each node keeps, and how old others are at most; 0 where nothing was said.
func (l *Local) Keeps() (snapshots int, age time.Duration) { return l.record.Keep, l.record.KeepAge }

// store says where a node keeps its state.
func (l *Local) store(fsys vfs.FS, m *member) host.Store {
	s := install.Store(fsys, filepath.Join(l.o.Dir, m.Name), l.cfg.ModelBytes())
	s.Keep, s.KeepAge = l.record.Keep, l.record.KeepAge
	return s
}

// again finishes a run whose server had told its result in an earlier life, when the result is lost, and says why it
// failed where it had. The caller holds the server's life.
func (c *cluster) again() error {
	var told bool
	var failed *job.Failed
	server := c.nodes[0].host
	if err := look(server, func(n *node.Node) {
		told, failed = observe.ToldDone(n) != nil,
			observe.FailedBy(n)
	}); err != nil {
		return err
	}
	if failed != nil {
		return c.gaveUp(failed)
	}
	if !told {
		return c.noteAll(server)
	}
	return c.finish(server)
}

// restoreResult makes a result that was lost or damaged again from the nodes' own state, without running them. It
// returns nil where the run was not finished.
func (l *Local) restoreResult(c *cluster) (*job.Result, error) {
	written := false
	for _, name := range []string{rundir.ModelFile, rundir.AnswersFile, rundir.ResultFile} {
		there, err := vfs.Exists(l.fs, filepath.Join(l.o.Dir, name))
		if err != nil {
			return nil, err
		}
		written = written || there
	}
	if !written || !l.resumed {
		return nil, nil
	}
	var told *job.Outcome
	for i, m := range c.nodes {
		d, _, err := host.Open(m.Config, l.store(l.fs, m))
		if err != nil {
			return nil, &job.NodeError{Node: m.Name, Err: err}
		}
		m.incarnation.Store(d.Node.Engine().Incarnation())
		if i == 0 {
			if told = l.cfg.Outcome(d.Node); told != nil && told.Err != nil {
				err = told.Err
			} else if told != nil {
				err = c.take(observe.RoundsAfter(d.Node, c.metrics.Last().Round), nil)
			}
		}
		if err := errors.Join(err, d.Close()); err != nil {
			return nil, &job.NodeError{Node: m.Name, Err: err}
		}
		if told == nil {
			return nil, nil
		}
	}
	c.called(told)
	res, err := l.write(told, c.restarts())
	if err == nil {
		res.Kept = true
	}
	return res, err
}

// write writes the model and the result that the server has told.
func (l *Local) write(told *job.Outcome, restarts uint64) (*job.Result, error) {
	return rundir.WriteTold(l.fs, l.o.Dir, told, job.Result{Job: l.cfg.About().Name, Restarts: restarts,
		Artifact: l.record.Artifact, Resumed: l.resumed})
}
