package main

import (
	"bytes"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// state is a node's state, and what is known of the node.
type state struct {
	name     string
	message  *snapshot.NodeSnapshot
	payload  []byte            // of the message, or nil where the node was brought back
	node     *node.Node        // brought back, or nil where its program is not known
	view     *archive.NodeView // of the node, or nil where its program is not known
	run      *archive.View     // likewise
	replayed int
}

func (s *state) names() names {
	if s.view == nil {
		return names{}
	}
	return names{s.view.Config.Program, s.run.Peers}
}

// statesOf returns the states that a path names: those of a run's nodes or of one node as their next start finds them,
// or what is in a single file.
func statesOf(path string) ([]state, error) {
	t, err := locate(path)
	if err != nil {
		return nil, err
	}
	if t.file != "" {
		s, err := stateInFile(t)
		if err != nil {
			return nil, err
		}
		return []state{*s}, nil
	}
	v, err := t.look()
	if err != nil {
		return nil, err
	}
	if v == nil {
		return newestOf(t.nodes[0])
	}
	var only []string
	for _, dir := range t.nodes {
		only = append(only, filepath.Base(dir))
	}
	var out []state
	for _, s := range v.Inspect(only...) {
		if s.Err != nil {
			return nil, s.Err
		}
		out = append(out, state{s.Name, s.Snapshot, nil, s.Restored.Node, s.NodeView, v, s.Restored.Replayed})
	}
	return out, nil
}

// newestOf returns the newest snapshot of a node whose program is not known.
func newestOf(dir string) ([]state, error) {
	refs, err := journal.List(vfs.OS(), dir)
	if err != nil {
		return nil, err
	}
	if len(refs) == 0 {
		return nil, &badInput{dir + " holds no snapshot"}
	}
	s, err := stateInFile(target{file: filepath.Join(dir, refs[0].Name)})
	if err != nil {
		return nil, err
	}
	return []state{*s}, nil
}

// payloadMax bounds an exported snapshot that is read.
const payloadMax = 1 << 30

// stateInFile reads a snapshot from the file of a node's directory, or from one that export wrote.
func stateInFile(t target) (*state, error) {
	payload, err := payloadOf(t.file)
	if err != nil {
		return nil, err
	}
	m, err := node.Decode(&node.Config{Values: value.NewRegistry()}, payload)
	if isAny[*node.SpecVersionError](err) {
		return nil, err
	}
	if err != nil {
		return nil, &badInput{t.file + " is no snapshot: " + err.Error()}
	}
	s := &state{name: filepath.Base(filepath.Dir(t.file)), message: m, payload: payload}
	v, err := t.look()
	if v == nil && err == nil {
		s.name = m.Config.Place
	}
	if err == nil {
		err = s.know(v)
	}
	return s, err
}

// know looks for the node of the state in a run: there, its program is known.
func (s *state) know(v *archive.View) (err error) {
	if v == nil || s.node != nil {
		return nil
	}
	for _, n := range v.Nodes {
		if string(n.Config.Self) == s.message.Config.Peer && bytes.Equal(n.Config.Program.Digest[:],
			s.message.Artifact.Digest) {
			s.view, s.run = n, v
			s.node, err = node.Restored(n.Config, s.payload)
		}
	}
	return err
}

// payloadOf reads the canonical form of the snapshot in a file.
func payloadOf(file string) ([]byte, error) {
	dir, name := filepath.Split(file)
	if filepath.Ext(name) == ".snap" {
		b, _, err := journal.Load(vfs.OS(), filepath.Clean(dir), name, journal.Limits{})
		return b, err
	}
	b, err := vfs.ReadFile(vfs.OS(), file, payloadMax)
	if err == nil && len(b) == 0 {
		err = &badInput{file + " is empty; want a snapshot"}
	}
	return b, err
}
