package value

// The codes of failures that the engine itself makes. A component may use codes of its own.
const (
	CodeError     = "error"     // the op or the component refused its inputs
	CodeNoReply   = "no-reply"  // an activation ended without answering its request
	CodeNoResult  = "no-result" // a child frame ended without filling its outputs
	CodeDeadline  = "deadline"  // a deadline passed
	CodeOverflow  = "overflow"  // a bound was reached and the work cannot wait
	CodeLate      = "late"      // the result came after its round was closed
	CodeDuplicate = "duplicate" // the same effect was asked for a second time
	CodeStranger  = "stranger"  // the peer is not a member of what it talks to
	CodeType      = "type"      // a value of the wrong type reached a port
	CodeSend      = "send"      // an envelope could not be delivered
	CodeCancelled = "cancelled" // the work was given up
)

// Fail returns a failure with the code, place and message.
func Fail(code, where, message string) *Failure {
	return &Failure{Code: code, Where: where, Message: message}
}

// Failed returns the failure that v is, or nil when v is a sound value.
func Failed(v Value) *Failure {
	f, _ := v.(*Failure)
	return f
}

// AsFailure turns an error into a failure that happened at where; a failure passes unchanged.
func AsFailure(err error, where string) *Failure {
	if f, ok := err.(*Failure); ok {
		return f
	}
	return Fail(CodeError, where, err.Error())
}
