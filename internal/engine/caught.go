package engine

import "github.com/rhizome-ml/rhizome/value"

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
