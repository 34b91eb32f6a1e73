package wire

import (
	"bytes"

	"github.com/mr-tron/base58"

	"github.com/rhizome-ml/rhizome/value"
)

// keyPrefix is what stands before the 32 bytes of an ed25519 public key in a peer id: the identity multihash (code 0,
// 36 bytes) of the protobuf message {1: key type 1, 2: key}, as the libp2p peer id specification has it.
var keyPrefix = []byte{0x00, 0x24, 0x08, 0x01, 0x12, 0x20}

const publicKeyBytes = 32

// PeerIDFromPublicKey returns the peer id of an ed25519 public key, which has 32 bytes.
func PeerIDFromPublicKey(key []byte) (PeerID, error) {
	if len(key) != publicKeyBytes {
		return "", &PeerIDError{Reason: "want a public key of 32 bytes"}
	}
	return PeerID(base58.Encode(append(bytes.Clone(keyPrefix), key...))), nil
}

// PublicKey returns the ed25519 public key that the id names, or a *PeerIDError.
func (p PeerID) PublicKey() ([]byte, error) {
	if len(p) > PeerIDBytesMax {
		return nil, &PeerIDError{cut(string(p)), "longer than a peer id"}
	}
	raw, err := base58.Decode(string(p))
	if err != nil {
		return nil, &PeerIDError{cut(string(p)), "want base58 text, such as 12D3KooW…"}
	}
	key, ok := bytes.CutPrefix(raw, keyPrefix)
	if !ok || len(key) != publicKeyBytes {
		return nil, &PeerIDError{cut(string(p)), "want the id of an ed25519 key, such as 12D3KooW…"}
	}
	return key, nil
}

// Fault says what is wrong with the text as a peer id of any kind of key, or returns "": the one grammar of those in
// envelopes, values, records and snapshots.
func (p PeerID) Fault() string { return value.PeerFault(string(p)) }

// Validate says whether the id names an ed25519 public key: nil, or a *PeerIDError.
func (p PeerID) Validate() error {
	_, err := p.PublicKey()
	return err
}
