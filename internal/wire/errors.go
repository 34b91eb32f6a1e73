package wire

import "fmt"

// CodeUndecodable is the code of the failure that stands in a fill whose payload could not be decoded.
const CodeUndecodable = "undecodable"

// FormatError says that bytes are no envelope.
type FormatError struct {
	Field  string // of the envelope, such as "fills[2].suffix"
	Offset int    // where in the input, in bytes
	Reason string // what is wrong, and what would be right
}

// Error names the field, the offset and what is wrong there.
func (e *FormatError) Error() string {
	return fmt.Sprintf("wire: envelope: %s at byte %d: %s", e.Field, e.Offset, e.Reason)
}

// VersionError says that an envelope has a schema version that is not known here.
type VersionError struct {
	Got  uint32 // of the envelope
	Want uint32 // the newest that this package reads
}

// Error names both versions.
func (e *VersionError) Error() string {
	return fmt.Sprintf("wire: envelope: schema version %d is not known, want 1 to %d; one of the ends needs an update",
		e.Got, e.Want)
}

// LimitError says that an envelope exceeds one of the Limits; nothing was allocated for the part that exceeds it.
type LimitError struct {
	Limit string // the field of Limits
	Got   int    // what the envelope has, or at least has
	Max   int    // what is allowed
}

// Error names the limit and both figures.
func (e *LimitError) Error() string {
	return fmt.Sprintf("wire: envelope: %d exceeds %s, which is %d", e.Got, e.Limit, e.Max)
}

// EncodeError says that an envelope has no wire form.
type EncodeError struct {
	Field  string // of the envelope
	Reason string // what is wrong, and what would be right
}

// Error names the field and what is wrong with it.
func (e *EncodeError) Error() string {
	return fmt.Sprintf("wire: encode envelope: %s: %s", e.Field, e.Reason)
}

// AddressError says that a text is not an address of a known form.
type AddressError struct {
	Address string // the text, cut to 64 bytes
	Reason  string // what is wrong, and what would be right
}

// Error quotes the address and says what is wrong with it.
func (e *AddressError) Error() string {
	return fmt.Sprintf("address %q: %s", e.Address, e.Reason)
}

// PeerIDError says that a text or key is not a peer id.
type PeerIDError struct {
	ID     string // the text, cut to 64 bytes
	Reason string // what is wrong, and what would be right
}

// Error quotes the id and says what is wrong with it.
func (e *PeerIDError) Error() string { return fmt.Sprintf("wire: peer id %q: %s", e.ID, e.Reason) }

// cut shortens hostile text before it goes into an error.
func cut(s string) string { return s[:min(len(s), 64)] }
