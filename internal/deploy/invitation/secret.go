package invitation

import (
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strconv"
)

// SecretBytes is the length of a secret: 128 bits, which nobody guesses.
const SecretBytes = 16

// Secret is what shows that a guest was invited. Whatever prints or logs it writes the word "secret"; only MarshalText,
// for the one message that carries it over a link whose other end is proven, gives it.
type Secret [SecretBytes]byte

// Draw returns a secret that nobody knows.
func Draw() Secret {
	var s Secret
	rand.Read(s[:]) // never fails: the program ends where the system has no randomness
	return s
}

// Derive returns the secret of a server's own invitation: the same for the same key, digest and counter.
func Derive(seed []byte, digest [32]byte, counter uint64) (Secret, error) {
	var s Secret
	b, err := hkdf.Key(sha256.New, seed, digest[:], "rhizome invitation 1 "+strconv.FormatUint(counter, 10),
		SecretBytes)
	copy(s[:], b)
	return s, err
}

// Hash is what is kept of a secret. A secret has 128 bits of chance, so nobody finds it by trying.
func (s Secret) Hash() string {
	sum := sha256.Sum256(append([]byte("rhizome invitation secret 1 "), s[:]...))
	return hex.EncodeToString(sum[:])
}

// ID names the invitation of the secret: the first 8 digits of its hash.
func (s Secret) ID() string { return s.Hash()[:idDigits] }

const idDigits = 8

// Format writes the word, whatever the verb, so that no log ever shows the secret.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, "secret") }

// LogValue is the word.
func (s Secret) LogValue() slog.Value { return slog.StringValue("secret") }

// MarshalText is base64url of the secret.
func (s Secret) MarshalText() ([]byte, error) {
	return []byte(base64.RawURLEncoding.EncodeToString(s[:])), nil
}

// UnmarshalText reads what MarshalText wrote.
func (s *Secret) UnmarshalText(text []byte) error {
	b, err := base64.RawURLEncoding.Strict().DecodeString(string(text))
	if err != nil || len(b) != SecretBytes {
		return fmt.Errorf("a secret that is none: want %d bytes of base64url", SecretBytes)
	}
	copy(s[:], b)
	return nil
}
