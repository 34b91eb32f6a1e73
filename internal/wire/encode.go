package wire

import (
	"fmt"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/value"
)

// Size returns how many bytes Append appends for e, or the *EncodeError that Append would return.
func Size(reg *value.Registry, e *Envelope) (int, error) {
	if err := check(e); err != nil {
		return 0, err
	}
	n := headerSize(e)
	for i := range e.Fills {
		_, fill, err := fillSize(reg, &e.Fills[i])
		if err != nil {
			return 0, fillError(i, err)
		}
		n += bytesSize(numFills, fill)
	}
	return n, nil
}

// Append appends the wire form of e to dst. The buffer grows once, to the exact size, so that a large message is held
// once while it is encoded (trap copied-message). On an error, an *EncodeError, it returns dst unchanged.
func Append(dst []byte, reg *value.Registry, e *Envelope) ([]byte, error) {
	size, err := Size(reg, e)
	if err != nil {
		return dst, err
	}
	b := dst
	if cap(b)-len(b) < size {
		b = append(make([]byte, 0, len(dst)+size), dst...)
	}
	b = appendHeader(b, e)
	for i := range e.Fills {
		f := &e.Fills[i]
		payload, fill, err := fillSize(reg, f)
		if err == nil {
			b = appendLen(b, numFills, fill)
			b, err = appendFill(b, reg, f, payload)
		}
		if err != nil {
			return dst, fillError(i, err)
		}
	}
	return b, nil
}

// check says whether an envelope has a wire form, its values apart.
func check(e *Envelope) error {
	bad := func(num int, why string) error { return &EncodeError{fieldNames[num], why} }
	switch {
	case e.Version == 0 || e.Version > CurrentVersion:
		return bad(numVersion, fmt.Sprintf("version %d, want 1 to %d", e.Version, CurrentVersion))
	case e.From != "" && e.From.Fault() != "":
		// an envelope that names none has one, though no engine takes or sends it
		return bad(numFrom, e.From.Fault())
	case e.To != "" && e.To.Fault() != "":
		return bad(numTo, e.To.Fault())
	case e.Ack != 0 && e.AckEpoch == 0:
		return bad(numAck, "an acknowledgement names the epoch that it is of")
	case e.Edge < -1:
		return bad(numEdge, "want an edge, or -1 for none")
	case e.Request.Epoch != 0 && !e.Request.IsSet():
		return bad(numRequest, requestText)
	case e.Answer.Epoch != 0 && !e.Answer.IsSet():
		return bad(numAnswer, requestText)
	case e.Deadline < 0:
		return bad(numDeadline, "the time that remains is not negative")
	case e.Notice.unsound() != "":
		return bad(numNotice, e.Notice.unsound())
	case e.Notice.Refuses() && (len(e.Fills) > 0 || e.Number != 0):
		return bad(numNotice, aloneText)
	case len(e.Proof) != 0 && len(e.Proof) != ProofBytes:
		return bad(numProof, proofText)
	case e.Origin.unsound() != "":
		return bad(numOrigin, e.Origin.unsound())
	case len(e.Lives) > LivesMax || slices.ContainsFunc(e.Lives, func(l Life) bool { return l.Start == 0 }):
		return bad(numLives, livesText)
	}
	for _, a := range e.Source {
		if !value.IsText(a) {
			return bad(numSource, "want UTF-8 text")
		}
	}
	for i := range e.Fills {
		if why := checkPlace(&e.Fills[i]); why != "" {
			return &EncodeError{fmt.Sprintf("fills[%d]", i), why}
		}
	}
	return nil
}

const aloneText = "a refusal travels alone, without a number and fills"

// version returns the oldest version that has words for what the envelope carries.
func (e *Envelope) version() uint32 {
	switch {
	case e.Start != 0 || len(e.Proof) != 0 || e.Origin != Origin{} || e.Before != 0 || e.Greets || e.Heard != 0 ||
		len(e.Lives) > 0 || e.Notice.Kind >= NoticeAhead || e.Notice.SeenStart != 0 || len(e.Notice.SeenProof) != 0:
		return CurrentVersion
	case e.Notice.Kind != NoticeNone:
		return noticeVersion
	}
	return PlainVersion
}

func fillError(i int, err error) error {
	return &EncodeError{fmt.Sprintf("fills[%d]", i), err.Error()}
}

func headerSize(e *Envelope) int {
	n := varintSize(numVersion, uint64(e.version())) + textSize(numFrom, string(e.From)) + textSize(numTo,
		string(e.To)) +
		varintSize(numIncarnation, e.Incarnation) + varintSize(numEpoch, e.Epoch) + varintSize(numNumber, e.Number) +
		varintSize(numRedelivered, protowire.EncodeBool(e.Redelivered)) + varintSize(numAckEpoch, e.AckEpoch) +
		varintSize(numAck, e.Ack) + varintSize(numEdge, protowire.EncodeZigZag(int64(e.Edge))) +
		varintSize(numDeadline, uint64(e.Deadline)) + textSize(numTrace, string(e.Trace)) +
		varintSize(numBase, e.Base)
	if e.Digest != [32]byte{} {
		n += bytesSize(numDigest, len(e.Digest))
	}
	if e.Request.IsSet() {
		n += bytesSize(numRequest, requestSize(e.Request))
	}
	if e.Answer.IsSet() {
		n += bytesSize(numAnswer, requestSize(e.Answer))
	}
	for _, a := range e.Source {
		n += bytesSize(numSource, len(a))
	}
	if e.Notice.Kind != NoticeNone {
		n += bytesSize(numNotice, noticeSize(e.Notice))
	}
	n += varintSize(numStart, e.Start)
	if len(e.Proof) > 0 {
		n += bytesSize(numProof, len(e.Proof))
	}
	if e.Origin.IsSet() {
		n += bytesSize(numOrigin, originSize(e.Origin))
	}
	return n + varintSize(numBefore, e.Before) + varintSize(numGreets, protowire.EncodeBool(e.Greets)) +
		varintSize(numHeard, e.Heard) +
		livesSize(e.Lives)
}

func appendHeader(b []byte, e *Envelope) []byte {
	b = appendVarint(b, numVersion, uint64(e.version()))
	b = appendText(b, numFrom, string(e.From))
	b = appendText(b, numTo, string(e.To))
	if e.Digest != [32]byte{} {
		b = append(appendLen(b, numDigest, len(e.Digest)), e.Digest[:]...)
	}
	b = appendVarint(b, numIncarnation, e.Incarnation)
	b = appendVarint(b, numEpoch, e.Epoch)
	b = appendVarint(b, numNumber, e.Number)
	b = appendVarint(b, numRedelivered, protowire.EncodeBool(e.Redelivered))
	b = appendVarint(b, numAckEpoch, e.AckEpoch)
	b = appendVarint(b, numAck, e.Ack)
	b = appendVarint(b, numEdge, protowire.EncodeZigZag(int64(e.Edge)))
	b = appendRequest(b, numRequest, e.Request)
	b = appendRequest(b, numAnswer, e.Answer)
	b = appendVarint(b, numDeadline, uint64(e.Deadline))
	for _, a := range e.Source {
		b = append(appendLen(b, numSource, len(a)), a...)
	}
	b = appendBytes(b, numTrace, e.Trace)
	b = appendNotice(appendVarint(b, numBase, e.Base), e.Notice)
	b = appendVarint(b, numStart, e.Start)
	b = appendBytes(b, numProof, e.Proof)
	b = appendVarint(appendOrigin(b, e.Origin), numBefore, e.Before)
	b = appendVarint(b, numGreets, protowire.EncodeBool(e.Greets))
	return appendLives(appendVarint(b, numHeard, e.Heard), e.Lives)
}

func requestSize(r Request) int {
	return varintSize(numRequestEpoch, r.Epoch) + varintSize(numRequestID, r.ID)
}

func appendRequest(b []byte, num protowire.Number, r Request) []byte {
	if !r.IsSet() {
		return b
	}
	b = appendLen(b, num, requestSize(r))
	b = appendVarint(b, numRequestEpoch, r.Epoch)
	return appendVarint(b, numRequestID, r.ID)
}

// fillSize returns the sizes of the fill's payload and of the whole fill. A fill without a value is its suffix alone.
func fillSize(reg *value.Registry, f *Fill) (payload, whole int, err error) {
	whole = bytesSize(numFillSuffix, suffixSize(f))
	if f.Value == nil {
		return 0, whole, nil
	}
	payload, err = reg.Size(f.Value)
	whole += bytesSize(numFillType, len(f.Value.Type()))
	if payload > 0 {
		whole += bytesSize(numFillPayload, payload)
	}
	return payload, whole, err
}

func appendFill(b []byte, reg *value.Registry, f *Fill, payload int) ([]byte, error) {
	b = appendFillHead(b, f, payload)
	if payload == 0 {
		return b, nil
	}
	return reg.Append(b, f.Value)
}

// appendFillHead appends what of a fill stands before its payload.
func appendFillHead(b []byte, f *Fill, payload int) []byte {
	b = appendSuffix(appendLen(b, numFillSuffix, suffixSize(f)), f)
	if f.Value == nil {
		return b
	}
	b = appendText(b, numFillType, string(f.Value.Type()))
	if payload == 0 {
		return b
	}
	return appendLen(b, numFillPayload, payload)
}

// The helpers below leave out the zero value, like the codec as a whole.

func varintSize(num protowire.Number, x uint64) int {
	if x == 0 {
		return 0
	}
	return protowire.SizeTag(num) + protowire.SizeVarint(x)
}

func bytesSize(num protowire.Number, n int) int {
	return protowire.SizeTag(num) + protowire.SizeBytes(n)
}

func textSize(num protowire.Number, s string) int {
	if s == "" {
		return 0
	}
	return bytesSize(num, len(s))
}

func appendVarint(b []byte, num protowire.Number, x uint64) []byte {
	if x == 0 {
		return b
	}
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.VarintType), x)
}

func appendText(b []byte, num protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return append(appendLen(b, num, len(s)), s...)
}

func appendBytes(b []byte, num protowire.Number, p []byte) []byte {
	if len(p) == 0 {
		return b
	}
	return append(appendLen(b, num, len(p)), p...)
}

func appendLen(b []byte, num protowire.Number, n int) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, num, protowire.BytesType), uint64(n))
}
