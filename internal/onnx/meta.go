package onnx

// Meta returns the value of a key in a list of metadata_props, and whether it
// is there.
func Meta(props []*StringStringEntryProto, key string) (string, bool) {
	for _, p := range props {
		if p.GetKey() == key {
			return p.GetValue(), true
		}
	}
	return "", false
}

// SetMeta returns props with key set to value and every key of that name but
// one removed. Keys keep their order and a new key goes last, so the result
// depends on the calls alone. It reuses the memory of props.
func SetMeta(props []*StringStringEntryProto, key, value string) []*StringStringEntryProto {
	entry := &StringStringEntryProto{Key: key, Value: value}
	kept, done := props[:0], false
	for _, p := range props {
		if p.GetKey() != key {
			kept = append(kept, p)
		} else if !done {
			kept, done = append(kept, entry), true
		}
	}
	if !done {
		kept = append(kept, entry)
	}
	return kept
}
