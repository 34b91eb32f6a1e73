package job

import "github.com/rhizome-ml/rhizome/internal/strictyaml"

// The kinds of job. A job file that says no kind is a federated one.
const (
	KindFederated = "federated" // a server and its clients: Config
	KindGossip    = "gossip"    // nodes without a server: Gossip
)

const KeyKind = "kind"

// KindOf returns the kind of a job file's job. It reads no more of the file than that; errors are *FileError.
func KindOf(file string, text []byte) (string, error) {
	top, err := strictyaml.Top(file, text, example)
	if err != nil {
		return "", err
	}
	v, ok := top.Find(KeyKind)
	if !ok {
		return KindFederated, nil
	}
	kind := KindFederated
	return kind, strictyaml.Word(&kind, KindFederated, KindGossip)(v)
}
