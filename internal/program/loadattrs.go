package program

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// attrs reads the attributes of one op. The first error is kept, and an attribute that nobody asked for is one.
type attrs struct {
	where string
	n     *onnx.NodeProto
	left  map[string]*onnx.AttributeProto
	err   error
}

func (a *attrs) fail(format string, args ...any) {
	if a.err == nil {
		a.err = bad(a.where, format, args...)
	}
}

// number reads an integer between bounds; a least of 0 makes it optional.
func (a *attrs) number(name string, least, most int64) int64 {
	_, there := a.left[name]
	delete(a.left, name)
	v, ok := onnx.GetInt(a.n, name)
	if there != ok || (!ok && least > 0) || v < least || v > most {
		a.fail("attribute %q: want an integer from %d to %d", name, least, most)
		return least
	}
	return v
}

func (a *attrs) text(name string) string {
	delete(a.left, name)
	v, ok := onnx.GetString(a.n, name)
	if !ok || v == "" || len(v) > 4*op.NameMax {
		a.fail("attribute %q: want a text of 1 to %d bytes", name, 4*op.NameMax)
		return ""
	}
	return v
}

func (a *attrs) body(name string, index map[string]FuncID) FuncID {
	v := a.text(name)
	id, ok := index[v]
	if !ok {
		a.fail("attribute %q: this part has no function %q", name, clip(v))
		return None
	}
	return id
}

// done returns the first error.
func (a *attrs) done() error {
	for _, p := range a.n.GetAttribute() { // in order, so that the error is always the same
		if a.left[p.GetName()] != nil {
			a.fail("attribute %q is unknown", clip(p.GetName()))
		}
	}
	return a.err
}
