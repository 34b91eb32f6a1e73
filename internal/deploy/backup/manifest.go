package backup

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// FormatVersion is the version of the file that is written, and the newest that is read.
const FormatVersion = 1

// What a backup is of; a node alone has its role for it.
const (
	WhatRun       = "run"
	WhatProcesses = "processes" // a run whose nodes are processes of their own
)

// Manifest says what a backup holds.
type Manifest struct {
	Format int         `json:"format"`
	What   string      `json:"what"` // server, client, peer, run or processes
	Job    string      `json:"job"`
	Digest string      `json:"digest"`         // of the program
	Peer   wire.PeerID `json:"peer,omitempty"` // of a node alone
	Keys   bool        `json:"keys"`           // the keys of its nodes are in it
	Round  int         `json:"round"`          // that was finished, as far as the node knows
	Rounds int         `json:"rounds"`         // of the job
	Wall   int64       `json:"wall_ns"`        // the clock at the last record, ns since 1970
	Nodes  []Node      `json:"nodes"`
	Files  []File      `json:"files"` // in the order in which they follow
}

// Node is a node in a backup.
type Node struct {
	Name        string      `json:"name"` // its folder; empty for a node alone
	Peer        wire.PeerID `json:"peer"`
	Record      uint64      `json:"record"` // the last one of its journal
	Incarnation uint64      `json:"incarnation"`
	Data        string      `json:"data,omitempty"`        // a file of data that it reads and that is not in the backup
	DataSHA256  string      `json:"data_sha256,omitempty"` // of that file
}

// File is a file in a backup.
type File struct {
	Name   string `json:"name"` // below the directory, with slashes
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// The bounds of what is read.
const (
	manifestMax = 16 << 20 // bytes
	filesMax    = 1 << 16
	fileMax     = 64 << 30 // bytes of a file
	totalMax    = 1 << 40  // bytes of all files
	nameMax     = 200      // bytes of a name
)

// FileError says that a file is no backup that can be used. Nothing was made of it.
type FileError struct{ File, Reason string }

// Error names the file and the reason.
func (e *FileError) Error() string { return e.File + " " + e.Reason }

// VersionError says that a backup was written by a newer release.
type VersionError struct {
	File      string
	Got, Want int
}

// Error names the file, the versions, and what would help.
func (e *VersionError) Error() string {
	return fmt.Sprintf(
		"%s is a backup of format %d, and this release knows formats up to %d: use the newer release that wrote it",
		e.File, e.Got, e.Want)
}

// parseManifest reads a manifest strictly, and checks all that does not need the files.
func parseManifest(file string, b []byte) (*Manifest, error) {
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(b, &version); err != nil {
		return nil, &FileError{file, "is a backup with a manifest that cannot be read: " + err.Error()}
	}
	if version.Format > FormatVersion {
		return nil, &VersionError{file, version.Format, FormatVersion}
	}
	var m Manifest
	if err := config.Strict(b, &m); err != nil {
		return nil, &FileError{file, "is a backup with a manifest that cannot be read: " + err.Error()}
	}
	if reason := m.unsound(); reason != "" {
		return nil, &FileError{file, "is a backup with a manifest that is not sound: " + reason}
	}
	return &m, nil
}

// unsound says what is wrong with a manifest; "" is nothing.
func (m *Manifest) unsound() string {
	alone := m.alone()
	switch {
	case m.Format < 1:
		return fmt.Sprintf("there is no format %d", m.Format)
	case !alone && m.What != WhatRun && m.What != WhatProcesses:
		return fmt.Sprintf("it is of a %.32q", m.What)
	case len(m.Nodes) == 0 || alone && len(m.Nodes) != 1 || len(m.Nodes) > filesMax:
		return fmt.Sprintf("it has %d nodes", len(m.Nodes))
	case len(m.Files) > filesMax:
		return fmt.Sprintf("it has %d files; at most %d are read", len(m.Files), filesMax)
	}
	folders := map[string]bool{}
	for _, n := range m.Nodes {
		if alone != (n.Name == "") || n.Name != "" && !sound(n.Name) || folders[strings.ToLower(n.Name)] {
			return fmt.Sprintf("a node has the name %.64q", n.Name)
		}
		folders[strings.ToLower(n.Name)] = true
	}
	total, seen := int64(0), map[string]bool{}
	for _, f := range m.Files {
		folder, name := path.Split(f.Name)
		folder = strings.TrimSuffix(folder, "/")
		switch raw, err := hex.DecodeString(f.SHA256); {
		case len(f.Name) > nameMax || !sound(name) || !taken(name) || folder != "" &&
			(alone || !folders[strings.ToLower(folder)] || !sound(folder)):
			return fmt.Sprintf("a file has the name %.64q", f.Name)
		case seen[strings.ToLower(f.Name)]:
			return fmt.Sprintf("the file %q is in it twice", f.Name)
		case f.Size < 0 || f.Size > fileMax:
			return fmt.Sprintf("the file %q has %d bytes", f.Name, f.Size)
		case err != nil || len(raw) != 32:
			return fmt.Sprintf("the file %q has no SHA-256", f.Name)
		}
		seen[strings.ToLower(f.Name)] = true
		if total += f.Size; total > totalMax {
			return fmt.Sprintf("its files have more than %d bytes", int64(totalMax))
		}
	}
	return ""
}

// alone says whether the backup is of one node, whose files lie in the directory itself.
func (m *Manifest) alone() bool {
	switch m.What {
	case "server", "client", "edge", "peer":
		return true
	}
	return false
}

// sound says whether a name can be that of a file or folder here: plain letters, so that no system takes it for a way
// to elsewhere.
func sound(name string) bool {
	if name == "" || name[0] == '.' || name[len(name)-1] == '.' {
		return false
	}
	for i := range len(name) {
		switch c := name[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
