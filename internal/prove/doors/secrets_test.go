package doors

import (
	"crypto/ed25519"
	"encoding/hex"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// TestSecretsAreFound is the canary of the search: a key in a file is found, as bytes and as text, and without one
// nothing is.
func TestSecretsAreFound(t *testing.T) {
	s, err := serve(libp2p.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if n, err := s.search(key(0)); err != nil || n < 3 {
		t.Errorf("%d files and states: %v", n, err)
	}
	seed := key(0).Seed()
	for _, leak := range [][]byte{append([]byte("key "), seed...), []byte("key " + hex.EncodeToString(seed))} {
		if err := journal.WriteFileAtomic(s.disk, "n/leak", leak); err != nil {
			t.Fatal(err)
		}
		if _, err := s.search(key(0)); err == nil {
			t.Errorf("%x was not found", leak)
		}
	}
	if found([]byte("nothing"), []ed25519.PrivateKey{key(0)}) {
		t.Error("a secret in nothing")
	}
}
