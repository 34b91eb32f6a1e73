package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// withPersonal is personal behind a run that may have failed.
func (l *Local) withPersonal(c *cluster, res *job.Result, err error) (*job.Result, error) {
	if err != nil || res == nil {
		return res, err
	}
	return l.personal(c, res)
}

// personal writes the models that clients have for themselves into their folders, where the job has such, and into the
// result how good they are. All nodes have stopped. What a process that died in the midst of it left undone is done
// when the run is opened again: the result has the scores when all of it is done.
func (l *Local) personal(c *cluster, res *job.Result) (*job.Result, error) {
	of, ok := l.cfg.(job.Personalised)
	if !ok || res.Personal != nil || !of.Personalises() {
		return res, nil
	}
	if c == nil {
		var err error
		if c, err = newCluster(l); err != nil {
			return nil, err
		}
	}
	models, err := l.personalModels(c, of)
	if err != nil {
		return nil, err
	}
	if res.Personal, err = of.PersonalScores(models); err != nil {
		return nil, fmt.Errorf("job: the models of clients: %w", err)
	}
	if res.Personal == nil {
		return res, nil
	}
	return res, rundir.WriteResult(l.fs, l.o.Dir, res)
}

// personalModels writes them, and returns them.
func (l *Local) personalModels(c *cluster, of job.Personalised) ([]*onnx.ModelProto, error) {
	server, err := l.stopped(c.nodes[0])
	if err != nil {
		return nil, err
	}
	defer server.Close()
	var out []*onnx.ModelProto
	for _, m := range c.nodes {
		if m.Place != job.ClientsPlace {
			continue // an edge keeps nothing of its own
		}
		d, err := l.stopped(m)
		if err != nil {
			return nil, err
		}
		file, err := of.PersonalModel(server.Node, d.Node)
		if err := errors.Join(err, d.Close()); err != nil {
			return nil, &job.NodeError{Node: m.Name, Err: err}
		}
		model, err := l.personalModel(m, file)
		if err != nil {
			return nil, &job.NodeError{Node: m.Name, Err: err}
		}
		out = append(out, model)
	}
	return out, nil
}

// stopped opens a node without running it.
func (l *Local) stopped(m *member) (*host.Durable, error) {
	d, _, err := host.Open(m.Config, l.store(l.fs, m))
	if err != nil {
		return nil, &job.NodeError{Node: m.Name, Err: err}
	}
	return d, nil
}

// personalModel writes that of a client, unless it is there.
func (l *Local) personalModel(m *member, file io.WriterTo) (*onnx.ModelProto, error) {
	var b bytes.Buffer
	if _, err := file.WriteTo(&b); err != nil {
		return nil, err
	}
	path := filepath.Join(l.o.Dir, m.Name, rundir.ModelFile)
	if there, err := vfs.Exists(l.fs, path); err != nil {
		return nil, err
	} else if !there {
		if err := rundir.WriteModel(l.fs, path, bytes.NewReader(b.Bytes())); err != nil {
			return nil, err
		}
	}
	lim := onnx.DefaultLimits()
	lim.Bytes = max(lim.Bytes, b.Len())
	return onnx.Load(b.Bytes(), lim)
}
