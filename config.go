package rhizome

import (
	"cmp"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/rhizome-ml/rhizome/component"
	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/builtin"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/value"
)

// PeerID is who a node is for others: the public half of its key.
type PeerID = wire.PeerID

// PeerOf returns who the node of a key is for others, so that each of two nodes can stand in the other's Config.Peers
// before either was opened: give them keys of your own with Config.Key.
func PeerOf(key ed25519.PublicKey) (PeerID, error) { return wire.PeerIDFromPublicKey(key) }

// Config says what a node is. Only Program has no default. A directory keeps the Program, Place, Seed, Options, Peers
// and Key that its node was made with: Open with others is a *ConfigError of that field. Components, Data, Transport,
// Addresses, Anyone and the fields behind them may differ from one Open to the next.
type Config struct {
	Program *Program
	Place   string // that the node plays; may be empty where the program has one place

	// Components are kinds that the program names, beside the built-in ones.
	Components []component.Kind
	// Options are settings of this node alone, by slot: JSON as []byte, or what becomes JSON.
	Options map[string]any
	// Data is what the host hands to slots, such as rows to train on. It is not kept in the directory.
	Data map[string][]byte
	// Seed is that of the job: client sampling, initial values and order of data come from it.
	Seed uint64

	// Transport opens what carries packets to other nodes, such as libp2p.Config.Open or memory.Network.Open; Close
	// closes it. nil: the node is alone.
	Transport transport.Opener
	// Peers are known to play a place from the start.
	Peers map[string][]PeerID
	// Addresses are where peers can be reached, the best first, as multiaddrs.
	Addresses map[PeerID][]string
	// Anyone names places that any peer plays whom the node admits.
	Anyone []string
	// Key is who the node is. nil: a key of its own, which the directory keeps in the file identity.key.
	Key ed25519.PrivateKey `json:"-"`

	// SnapshotBytes of journal and SnapshotWork of computing bound what a restart reads and computes; 0 means 8 MiB and
	// 5 s.
	SnapshotBytes int64
	SnapshotWork  time.Duration
	// Keep is how many snapshots stay; 0 means 2.
	Keep int
}

// ConfigError says that a Config or a Job cannot be, or is not the one that the directory was made with. Nothing was
// made or changed.
type ConfigError struct {
	Field string // such as "Place", `Options["model"]`, "Nodes"
	Got   string
	Want  string // what would be right

	of string // whose field it is: "Config.", "Job.", or nobody's
}

// Error names the field and both sides.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("rhizome: %s%s is %s, want %s", e.of, e.Field, e.Got, e.Want)
}

func badConfig(field, got, want string) error   { return &ConfigError{field, got, want, "Config."} }
func badJob(field, got, want string) error      { return &ConfigError{field, got, want, "Job."} }
func badArgument(field, got, want string) error { return &ConfigError{field, got, want, ""} }

// another returns an error as one of the field that a directory was made with in another way, where it is that.
func another(err error) error {
	var other *node.MismatchError
	if !errors.As(err, &other) {
		return err
	}
	field, key := "Program", ""
	for _, f := range [][2]string{{"place", "Place"}, {"peer", "Key"}, {"seed", "Seed"},
		{"options of slot ", "Options"},
		{"targets of place ", "Peers"}} {
		if rest, ok := strings.CutPrefix(other.What, f[0]); ok {
			field = f[1]
			if rest != "" {
				key = "[" + strings.TrimSuffix(rest, ":") + "]"
			}
		}
	}
	return badConfig(field+key, other.Want, other.Got+", with which the directory was made; or another directory")
}

// ofJob returns an error in a Config that was made for a node of a job as one of the job's own field.
func ofJob(err error) error {
	var bad *ConfigError
	if !errors.As(err, &bad) || bad.of != "Config." {
		return err
	}
	field := bad.Field
	switch {
	case field == "Key":
		field = "Seed" // of which the keys are
	case strings.HasPrefix(field, "Peers"):
		field = "Nodes"
	}
	return badJob(field, bad.Got, bad.Want)
}

// node returns what is installed.
func (c *Config) node(self PeerID) (node.Config, error) {
	if c.Program == nil {
		return node.Config{}, badConfig("Program", "nil", "what Compile or LoadProgram returned")
	}
	place := c.Place
	if place == "" && len(c.Program.places) == 1 {
		place = c.Program.places[0]
	}
	part, err := c.Program.part(place)
	if err != nil {
		return node.Config{}, err
	}
	cfg := node.Config{
		Program: part, Artifact: c.Program.model, Catalogue: node.NewCatalogue(), Values: value.NewRegistry(),
		Self: self, Seed: c.Seed,
		Options: map[string][]byte{}, Data: c.Data, Targets: c.Peers, Anyone: c.Anyone, Limits: engine.DefaultLimits(),
	}
	if err := builtin.Register(cfg.Catalogue); err != nil {
		return node.Config{}, err
	}
	for i, k := range c.Components {
		field := fmt.Sprintf("Components[%d]", i)
		if k.New == nil {
			return node.Config{}, badConfig(field, "without New", "what makes the component")
		}
		if err := cfg.Catalogue.Register(k.Role, k.Name, cmp.Or(k.Version, 1), k.New); err != nil {
			return node.Config{}, badConfig(field, fmt.Sprintf("%s/%s@%d", k.Role, k.Name, cmp.Or(k.Version, 1)),
				"a kind that is not there yet")
		}
	}
	for slot, v := range c.Options {
		if part.ComponentOf(slot) < 0 {
			return node.Config{}, badConfig("Options", fmt.Sprintf("for %q", slot),
				"the name of a slot of the program")
		}
		b, ok := v.([]byte)
		if !ok {
			if b, err = json.Marshal(v); err != nil {
				return node.Config{}, badConfig(fmt.Sprintf("Options[%q]", slot), err.Error(), "what JSON can hold")
			}
		}
		cfg.Options[slot] = b
	}
	return cfg, nil
}
