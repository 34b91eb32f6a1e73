package host

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/rhizome-ml/rhizome/journal/vfs"
	"github.com/rhizome-ml/rhizome/wire"
)

// ConfigError says that a configuration cannot be.
type ConfigError struct {
	Field string // such as "Store.Dir"
	Got   string
	Want  string // what would be right
}

// Error names the field and both sides.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("host: config: %s is %s, want %s", e.Field, e.Got, e.Want)
}

// fill puts defaults in the place of zeros, or says with a *ConfigError what has none; what the node wants is an error of node and engine.
func (c *Config) fill() error {
	if c.Send != nil && c.Transport != nil {
		return &ConfigError{"Send", "set", "nil beside a Transport, which sends"}
	}
	if c.Inbox < 0 {
		return &ConfigError{"Inbox", fmt.Sprint(c.Inbox), "0 for the default, or more"}
	}
	if err := errors.Join(c.Store.validate(), c.Junk.validate()); err != nil {
		return err
	}
	if c.Wall == nil {
		c.Wall = time.Now
	}
	if c.Inbox == 0 {
		c.Inbox = 4096
	}
	if c.Store.Salt == 0 {
		var b [8]byte
		rand.Read(b[:]) // never fails
		c.Store.Salt = binary.LittleEndian.Uint64(b[:])
	}
	if c.Send == nil {
		c.Send = func(wire.PeerID, []byte) error { return errNoTransport }
	}
	if c.Admission == nil {
		c.Admission = &Admission{}
	}
	return nil
}

// errNoTransport is why nothing leaves a host without a Send.
var errNoTransport = errors.New("this host has no transport")

// ownWorkers are as many as there are processors.
func ownWorkers() *Workers { return NewWorkers(runtime.GOMAXPROCS(0)) }

// validate says whether a node can be kept there: nil, or a *ConfigError. Zeros stand for defaults, but that of the directory.
func (s *Store) validate() error {
	if s.Dir == "" {
		return &ConfigError{"Store.Dir", "empty", "the node's directory"}
	}
	for _, x := range []struct {
		name string
		n    int64
	}{{"SegmentBytes", int64(s.SegmentBytes)}, {"SnapshotBytes", s.SnapshotBytes}, {"SnapshotWork", int64(s.SnapshotWork)}, {"Keep", int64(s.Keep)}, {"KeepAge", int64(s.KeepAge)}} {
		if x.n < 0 {
			return &ConfigError{"Store." + x.name, fmt.Sprint(x.n), "0 for the default, or more"}
		}
	}
	if s.OnDivergence != DivergenceFails && s.OnDivergence != DivergencePauses {
		return &ConfigError{"Store.OnDivergence", fmt.Sprint(int(s.OnDivergence)), "DivergenceFails or DivergencePauses"}
	}
	return nil
}

func (s *Store) fill() error {
	if err := s.validate(); err != nil {
		return err
	}
	if s.FS == nil {
		s.FS = vfs.OS()
	}
	if s.SegmentBytes == 0 {
		s.SegmentBytes = 1 << 20
	}
	if s.SnapshotBytes == 0 {
		s.SnapshotBytes = 8 << 20
	}
	if s.SnapshotWork == 0 {
		s.SnapshotWork = 5 * time.Second
	}
	if s.Keep == 0 {
		s.Keep = 2
	}
	return nil
}
