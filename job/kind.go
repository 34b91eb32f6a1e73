package job

import "fmt"

// The kinds of job. A job file that says no kind is a federated one.
const (
	KindFederated = "federated" // a server and its clients: Config
	KindGossip    = "gossip"    // nodes without a server: Gossip
)

const keyKind = "kind"

// KindOf returns the kind of a job file's job. It reads no more of the file than that; errors are *FileError.
func KindOf(file string, text []byte) (string, error) {
	pairs, err := top(file, text)
	if err != nil {
		return "", err
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i].Value != keyKind {
			continue
		}
		switch v := pairs[i+1].Value; v {
		case KindFederated, KindGossip:
			return v, nil
		default:
			return "", &FileError{File: file, Line: pairs[i+1].Line, Key: keyKind,
				Reason: fmt.Sprintf("kind is %q; want %s or %s", shorten(v, keyMax), KindFederated, KindGossip)}
		}
	}
	return KindFederated, nil
}
