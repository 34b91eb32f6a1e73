package model

import (
	"errors"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/importer"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// FileSource is the name of a user's model file among those that the host gives to the component.
const FileSource = "source"

// source is a user's model file: the values that a model begins with, and what its export goes back to. It is read
// when it is wanted, so that a node holds no more than the parameters of now.
type source struct {
	file node.Given
	read importer.Options
	bare *Graph
}

// ReadSource reads a model file that a host gives. Errors are *importer.RefusedError, *FormatError, and those of
// onnx.ReadFS.
func ReadSource(g node.Given, o importer.Options) (*Graph, error) {
	im, err := ReadFile(g, o)
	if err != nil {
		return nil, err
	}
	return Open(im)
}

// besideMax bounds the tensors in files beside a model that is trained, in bytes.
const besideMax = 1 << 30

// ReadFile imports a model file that a host gives. Errors are *importer.RefusedError and those of onnx.ReadFS.
func ReadFile(g node.Given, o importer.Options) (*importer.Model, error) {
	return readFile(g, o, besideMax)
}

// readFile is ReadFile with a bound of the tensors beside the file.
func readFile(g node.Given, o importer.Options, most int64) (*importer.Model, error) {
	lim := limits()
	lim.External = most
	m, err := onnx.ReadFS(g.FS, g.Name, lim)
	var over *onnx.LimitError
	if errors.As(err, &over) && over.What == "External" {
		return nil, fmt.Errorf("the tensors beside %s have more than %d bytes; models of at most that are trained, as what "+
			"is trained comes back as one file, which can have 2 GiB: want a smaller model", g.Name, most)
	}
	if err != nil {
		return nil, err
	}
	return importer.Import(m, o)
}

// sourceOf returns the file of a model, nil where the settings hold all of it.
func (c Config) sourceOf(bare *Graph, files map[string]node.Given) (*source, error) {
	if len(c.Bare) == 0 || c.away {
		return nil, nil
	}
	s := &source{file: files[FileSource], bare: bare}
	if c.Read != nil {
		s.read = *c.Read
	}
	if s.file.FS == nil || s.file.SHA256 != c.SHA256 {
		return nil, config.Errorf("onnx config", "sha256 is %.64q, and the file that the host gives has %.64q",
			c.SHA256,
			s.file.SHA256)
	}
	return s, nil
}

// whole reads the file.
func (s *source) whole() (*Graph, error) {
	g, err := ReadSource(s.file, s.read)
	if err == nil && !sameParams(g, s.bare) {
		err = fmt.Errorf("its parameters are not those of the program")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.file.Name, err)
	}
	return g, nil
}
