package doors

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/node"
)

// fileMax bounds the files that are searched.
const fileMax = 64 << 20

// search looks for the secret part of keys in all that a server keeps: its files, the state that a snapshot would hold,
// and what it says of itself (law admitted-first). It returns how much was searched, in files and states.
func (s *server) search(keys ...ed25519.PrivateKey) (int, error) {
	searched := map[string][]byte{"what the transport says of itself": fmt.Appendf(nil, "%v %+v", s.Transport,
		s.Stats())}
	var err error
	s.host.View(func(n *node.Node) {
		var b []byte
		if b, err = n.Snapshot(); err == nil {
			searched["the state"] = b
		}
	})
	for _, name := range s.disk.Names() {
		if err == nil {
			searched[name], err = vfs.ReadFile(s.disk, name, fileMax)
		}
	}
	if err != nil {
		return 0, err
	}
	for name, b := range searched {
		if found(b, keys) {
			return 0, fmt.Errorf("a secret key is in %s", name)
		}
	}
	return len(searched), nil
}

// found says whether the secret part of a key is in b, in any of the forms in which one writes it.
func found(b []byte, keys []ed25519.PrivateKey) bool {
	for _, k := range keys {
		seed := k.Seed()
		text := base64.RawStdEncoding.EncodeToString(seed)
		for _, form := range [][]byte{seed, []byte(hex.EncodeToString(seed)), []byte(text), []byte(fmt.Sprint(seed))} {
			if bytes.Contains(b, form) {
				return true
			}
		}
	}
	return false
}
