package wire

import "google.golang.org/protobuf/encoding/protowire"

// The field numbers of formats/envelope.proto.
const (
	numVersion     = 1
	numFrom        = 2
	numTo          = 3
	numDigest      = 4
	numIncarnation = 5
	numEpoch       = 6
	numNumber      = 7
	numRedelivered = 8
	numAckEpoch    = 9
	numAck         = 10
	numEdge        = 11
	numRequest     = 12
	numAnswer      = 13
	numDeadline    = 14
	numSource      = 15
	numTrace       = 16
	numBase        = 17
	numFills       = 18
	numNotice      = 19 // of version 2; it stands before the fills, which are last
	numStart       = 20 // of version 3, as those below it; they stand behind the notice
	numProof       = 21
	numOrigin      = 22
	numBefore      = 23
	numGreets      = 24
	numHeard       = 25
	numLives       = 26

	numRequestEpoch = 1
	numRequestID    = 2

	numNoticeKind  = 1
	numNoticeLevel = 2
	numNoticeHold  = 3
	numNoticeSeen  = 4
	numSeenStart   = 5 // of version 3
	numSeenProof   = 6

	numOriginEpoch  = 1
	numOriginNumber = 2
	numOriginStart  = 3

	numLifeStart  = 1
	numLifeBefore = 2

	numFillSuffix  = 1
	numFillType    = 2
	numFillPayload = 3
)

// fieldNames are the names of the envelope's fields, by number.
var fieldNames = [...]string{
	numVersion: "version", numFrom: "from", numTo: "to", numDigest: "digest", numIncarnation: "incarnation",
	numEpoch:  "epoch",
	numNumber: "number", numRedelivered: "redelivered", numAckEpoch: "ack_epoch", numAck: "ack", numEdge: "edge",
	numRequest: "request", numAnswer: "answer", numDeadline: "deadline", numSource: "source", numTrace: "trace",
	numBase: "base", numFills: "fills", numNotice: "notice",
	numStart: "start", numProof: "proof", numOrigin: "origin", numBefore: "before",
	numGreets: "greets", numHeard: "heard", numLives: "lives",
}

// wireType returns the wire type of an envelope's field.
func wireType(num protowire.Number) protowire.Type {
	switch {
	case num <= 0 || int(num) >= len(fieldNames):
		return -1 // no field
	}
	switch num {
	case numFrom, numTo, numDigest, numRequest, numAnswer, numSource, numTrace, numFills, numNotice, numProof,
		numOrigin, numLives:
		return protowire.BytesType
	}
	return protowire.VarintType
}
