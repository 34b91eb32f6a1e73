package node

import (
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// Env is what a component is built from. None of it changes in the life of the node. Whoever needs a type of values of
// his own registers it in Values, unless it is known there already.
type Env struct {
	Slot    string      // the name that the component is bound to
	Place   string      // the place that the node plays
	Self    wire.PeerID // of the node
	Seed    uint64      // of the job
	Config  []byte      // JSON from the artifact: the same on every node of the place
	Options []byte      // JSON of this node for the slot, such as which partition it holds; may be empty
	// what the host gives to the slot; read-only, not part of any state: Options must vouch for it
	Data     []byte
	Files    map[string]Given // by name; the same holds of them
	Artifact *onnx.ModelProto // to find functions by name; read-only
	Values   *value.Registry  // the types of values that the node knows
}

// Given is a file or a folder that the host gives to a slot. It has read it once, and vouches for its content.
type Given struct {
	FS     fs.FS
	Name   string
	SHA256 string // of all that is in it, in hex
}

// Factory builds a component of one kind.
type Factory func(env Env) (engine.Component, error)

// Catalogue knows the kinds of component that can be installed. It is filled first and read-only afterwards.
type Catalogue struct {
	kinds map[string]Factory
}

// NewCatalogue returns an empty catalogue.
func NewCatalogue() *Catalogue { return &Catalogue{kinds: map[string]Factory{}} }

// Register adds a kind of component in a version of its state and settings. Registering a kind twice is an error.
func (c *Catalogue) Register(role, kind string, version int32, f Factory) error {
	k := kindKey(role, kind, version)
	if _, ok := c.kinds[k]; ok {
		return fmt.Errorf("node: component %s is registered already", k)
	}
	c.kinds[k] = f
	return nil
}

// Kinds returns the registered kinds as "role/kind@version", sorted.
func (c *Catalogue) Kinds() []string { return slices.Sorted(maps.Keys(c.kinds)) }

func kindKey(role, kind string, version int32) string {
	return fmt.Sprintf("%s/%s@%d", role, kind, version)
}

// UnknownKindError says that an artifact needs a component that this binary does not have.
type UnknownKindError struct {
	Slot, Kind string
	Known      []string
}

// retired are the components that earlier releases had: what runs with one of them goes on with such a release alone.
var retired = []string{"model/chunked@1", "model/copied@1"}

// Retired says whether an earlier release had the component: then nothing is wrong with what was found, and that
// release goes on with it.
func (e *UnknownKindError) Retired() bool { return slices.Contains(retired, e.Kind) }

// Error describes the missing component.
func (e *UnknownKindError) Error() string {
	if e.Retired() {
		return fmt.Sprintf("node: slot %q needs component %s, which earlier releases had (parameters in chunks travel "+
			"without it now): finish it with the release that began it, or begin anew in another directory",
			e.Slot, e.Kind)
	}
	return fmt.Sprintf("node: slot %q needs component %s, which this binary does not have; it has %v", e.Slot, e.Kind,
		e.Known)
}
