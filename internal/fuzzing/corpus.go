package fuzzing

import (
	"encoding/binary"
	"os"
	"path/filepath"
)

// corpusMax bounds what is kept of a target, in inputs.
const corpusMax = 4096

// load reads what others have kept for a target of so many arguments. A file that is being written ends early; what is
// whole is read.
func load(dir string, args int) ([]input, error) {
	if dir == "" || args == 0 {
		return nil, nil
	}
	names, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	var out []input
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		for len(b) > 0 && len(out) < corpusMax {
			in := make(input, 0, args)
			for range args {
				n, k := binary.Uvarint(b)
				if k <= 0 || n > uint64(len(b)-k) {
					break
				}
				in, b = append(in, b[k:k+int(n)]), b[k+int(n):]
			}
			if len(in) < args {
				break
			}
			out = append(out, in)
		}
	}
	return out, nil
}

// save adds what was found to the file of the process.
func (l *loop) save() error {
	if l.order.Corpus == "" || len(l.fresh) == 0 {
		return nil
	}
	if err := os.MkdirAll(l.order.Corpus, 0o755); err != nil {
		return err
	}
	var b []byte
	for _, in := range l.fresh {
		for _, a := range in {
			b = append(binary.AppendUvarint(b, uint64(len(a))), a...)
		}
	}
	f, err := os.OpenFile(filepath.Join(l.order.Corpus, l.order.Name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	if _, err := f.Write(b); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
