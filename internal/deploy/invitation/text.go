package invitation

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// Scheme begins the text of an invitation.
const Scheme = "rhizome:"

// The bounds of an invitation.
const (
	AddressesMax = 4   // addresses in a text
	textMax      = 512 // bytes of a text
	version      = 1
	fixedBytes   = 2 + 32 + 32 + SecretBytes
	sumBytes     = 4
	bytesMax     = 2 + 255
)

var table = crc32.MakeTable(crc32.Castagnoli)

// Invitation is what a guest needs to come to a server and to know what it agrees to.
type Invitation struct {
	Server    wire.PeerID
	Digest    [32]byte // of the job's artifact
	Secret    Secret
	Addresses []string // of the server, without its peer id, the best first
}

// TextError says why a text is no invitation.
type TextError struct{ Reason string }

// Error says what is wrong and what would be right.
func (e *TextError) Error() string {
	return "the invitation " + e.Reason +
		"; want the whole word after \"rhizome join\", as rhizome server or rhizome invite prints it"
}

func wrong(format string, args ...any) error { return &TextError{fmt.Sprintf(format, args...)} }

// Is says whether a text is meant as an invitation.
func Is(text string) bool {
	return len(text) >= len(Scheme) && strings.EqualFold(text[:len(Scheme)], Scheme)
}

// Text returns the invitation as one word. Of the addresses it takes the first few that there is room for.
func (i *Invitation) Text() (string, error) {
	key, err := i.Server.PublicKey()
	if err != nil {
		return "", err
	}
	b := append([]byte{version, 0}, key...)
	b = append(b, i.Digest[:]...)
	b = append(b, i.Secret[:]...)
	taken := 0
	for _, text := range i.Addresses {
		coded, ok := appendAddress(nil, text)
		if !ok || taken == AddressesMax || len(b)+len(coded)+sumBytes > bytesMax {
			continue
		}
		b, taken = append(b, coded...), taken+1
	}
	if taken == 0 && len(i.Addresses) > 0 {
		return "", fmt.Errorf("invitation: none of the addresses %q can be told in it", i.Addresses)
	}
	b[1] = byte(len(b) - 2 + sumBytes)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, table))
	return Scheme + base64.RawURLEncoding.EncodeToString(b), nil
}

// Parse reads the text of an invitation. Blanks and line ends within it, as a terminal that wraps lines may add them,
// are left out. The error is a *TextError.
func Parse(text string) (*Invitation, error) {
	if len(text) > 2*textMax {
		return nil, wrong("has %d letters, more than any has", len(text))
	}
	text = strings.Join(strings.Fields(text), "")
	if !Is(text) {
		return nil, wrong("does not begin with %q", Scheme)
	}
	coded := text[len(Scheme):]
	for at := range len(coded) {
		if c := coded[at]; c != '-' && c != '_' && (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'z') {
			return nil, wrong("has %q as letter %d, which is in none", coded[at:at+1], len(Scheme)+at+1)
		}
	}
	// How long it should be is said first: a text that was cut is told from one with a wrong letter.
	var head [2]byte
	if len(coded) >= 4 {
		base64.RawURLEncoding.Decode(head[:], []byte(coded[:3]))
	}
	if head[0] != version && len(coded) >= 4 {
		return nil, wrong("is mistyped at its beginning, or of version %d, which this release does not know (it "+
			"knows %d)", head[0], version)
	}
	want := base64.RawURLEncoding.EncodedLen(2 + int(head[1]))
	if len(coded) < want || len(coded) < 4 {
		return nil, wrong("is cut short: it has %d letters", len(text))
	}
	if len(coded) > want {
		return nil, wrong("has %d letters, and says that it has %d: one is wrong, or something was added", len(text),
			len(Scheme)+want)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(coded)
	if err != nil || len(b) < fixedBytes+sumBytes {
		return nil, wrong("is mistyped: a letter is wrong or missing")
	}
	body := b[:len(b)-sumBytes]
	if binary.BigEndian.Uint32(b[len(body):]) != crc32.Checksum(body, table) {
		return nil, wrong("is mistyped: a letter is wrong or missing (its checksum is not right)")
	}
	i := &Invitation{}
	if i.Server, err = wire.PeerIDFromPublicKey(body[2:34]); err != nil {
		return nil, wrong("names no server: %v", err)
	}
	copy(i.Digest[:], body[34:66])
	copy(i.Secret[:], body[66:fixedBytes])
	for rest := body[fixedBytes:]; len(rest) > 0; {
		var a string
		if a, rest, err = cutAddress(rest); err != nil {
			return nil, err
		}
		if i.Addresses = append(i.Addresses, a); len(i.Addresses) > AddressesMax {
			return nil, wrong("has more than %d addresses", AddressesMax)
		}
	}
	return i, nil
}

// Full returns the addresses with the peer id behind them, as a transport takes them.
func (i *Invitation) Full() []string {
	out := make([]string, len(i.Addresses))
	for k, a := range i.Addresses {
		out[k] = a + "/p2p/" + string(i.Server)
	}
	return out
}
