package engine

import (
	"slices"

	"github.com/rhizome-ml/rhizome/value"
)

// Caught reads what the op Catch gives of a failure: a List of code, place and message. The returned failure is the
// caller's; false where v is anything else.
func Caught(v value.Value) (*value.Failure, bool) {
	list, ok := v.(*value.List)
	if !ok || list.Len() != 3 {
		return nil, false
	}
	var texts [3]string
	for i := range texts {
		s, ok := list.At(i).(value.String)
		if !ok {
			return nil, false
		}
		texts[i] = string(s)
	}
	return value.Fail(texts[0], texts[1], texts[2]), true
}

// Unreached says whether a question failed because its peer did not get it, or gave it up: asked again, it may answer.
func Unreached(why *value.Failure) bool {
	return slices.Contains([]string{value.CodeSend, value.CodeCancelled, value.CodeStranger, value.CodeDeadline,
		value.CodeLate, value.CodeDuplicate}, why.Code)
}
