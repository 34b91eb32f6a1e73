package show

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// Difference is one place in which two messages differ.
type Difference struct {
	// such as transient.framework.timers[3].at; an index is that of a, or of b where a has none
	Path string `json:"path"`
	Key  string `json:"key,omitempty"` // what tells the entry from others of its list, such as the name of a counter
	A    string `json:"a"`             // what a has there, or empty where it has nothing
	B    string `json:"b"`
}

// Side is one of the two snapshots that are compared.
type Side struct {
	Message *snapshot.NodeSnapshot
	// pointers to the components' states, by slot, where they are known; else their bytes are compared
	States map[string]any
}

// Diff returns in which fields two snapshots differ, in the order of the schema, the first max of them, and how many
// there are in all. Entries of lists are paired by what names them (a peer, a number, a name), so that one more at the
// front does not make all others differ.
func Diff(reg *value.Registry, a, b Side, max int) (out []Difference, total int) {
	d := differ{reg: reg, a: a, b: b, max: max}
	d.compare("", "", reflect.ValueOf(a.Message).Elem(), reflect.ValueOf(b.Message).Elem())
	return d.out, d.total
}

type differ struct {
	reg   *value.Registry
	a, b  Side
	max   int
	out   []Difference
	total int
}

func (d *differ) add(path, key, a, b string) {
	d.total++
	if len(d.out) < d.max {
		d.out = append(d.out, Difference{Path: path, Key: key, A: a, B: b})
	}
}

func (d *differ) compare(path, key string, a, b reflect.Value) {
	switch {
	case a.Type() == valueType:
		d.values(path, key, a, b)
	case a.Type() == embeddedType:
		d.embedded(path, key, a, b)
	case a.Type() == wordsType:
		d.numbers(path, key, reflect.ValueOf(words(a)), reflect.ValueOf(words(b)))
	case a.Kind() == reflect.Struct:
		d.structs(path, key, a, b)
	case a.Kind() == reflect.Pointer && (a.IsNil() || b.IsNil()):
		if a.IsNil() != b.IsNil() {
			d.add(path, key, brief(a), brief(b))
		}
	case a.Kind() == reflect.Pointer:
		d.structs(path, key, a.Elem(), b.Elem())
	case a.Kind() == reflect.Slice && a.Type().Elem().Kind() == reflect.Uint8:
		if x, y := a.Bytes(), b.Bytes(); !bytes.Equal(x, y) {
			d.add(path, key, blob(x, y), blob(y, x))
		}
	case a.Kind() == reflect.Slice:
		d.lists(path, key, a, b)
	case !sameScalar(a, b):
		d.add(path, key, brief(a), brief(b))
	}
}

func (d *differ) structs(path, key string, a, b reflect.Value) {
	fields, err := snapshot.Fields(a.Type())
	if err != nil {
		d.add(path, key, err.Error(), "")
		return
	}
	slot := ""
	if c, ok := a.Interface().(snapshot.ComponentSnapshot); ok {
		slot = c.Slot
	}
	for _, f := range fields {
		name := f.Name
		if path != "" {
			name = path + "." + name
		}
		if x, y := d.a.States[slot], d.b.States[slot]; slot != "" && f.Name == "state" && x != nil && y != nil {
			d.compare(name, key, reflect.Indirect(reflect.ValueOf(x)), reflect.Indirect(reflect.ValueOf(y)))
			continue
		}
		d.compare(name, key, a.Field(f.Index), b.Field(f.Index))
	}
}

// embedded compares messages of which only the bytes are known.
func (d *differ) embedded(path, key string, a, b reflect.Value) {
	x, err1 := a.Interface().(snapshot.Embedded).Bytes(d.reg)
	y, err2 := b.Interface().(snapshot.Embedded).Bytes(d.reg)
	if err := errors.Join(err1, err2); err != nil {
		d.add(path, key, err.Error(), "")
		return
	}
	d.compare(path, key, reflect.ValueOf(x), reflect.ValueOf(y))
}

// numbersMax is the length up to which lists of numbers are compared one by one; longer ones are counted.
const numbersMax = 8

// lists compares two lists: by key where their entries have one, else by place.
func (d *differ) lists(path, key string, a, b reflect.Value) {
	if a.Type().Elem().Kind() == reflect.Struct {
		if ka, kb, ok := keys(a, b); ok {
			d.keyed(path, a, b, ka, kb)
			return
		}
	} else if a.Type().Elem() != valueType && max(a.Len(), b.Len()) > numbersMax {
		d.numbers(path, key, a, b)
		return
	}
	for i := range max(a.Len(), b.Len()) {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case i >= b.Len():
			d.add(at, key, brief(a.Index(i)), "")
		case i >= a.Len():
			d.add(at, key, "", brief(b.Index(i)))
		default:
			d.compare(at, key, a.Index(i), b.Index(i))
		}
	}
}

// numbers tells of long lists of numbers in one line.
func (d *differ) numbers(path, key string, a, b reflect.Value) {
	if a.Len() != b.Len() {
		d.add(path, key, fmt.Sprintf("%d items", a.Len()), fmt.Sprintf("%d items", b.Len()))
		return
	}
	n, first := 0, 0
	for i := range a.Len() {
		if !sameScalar(a.Index(i), b.Index(i)) {
			if n == 0 {
				first = i
			}
			n++
		}
	}
	if n > 0 {
		count := fmt.Sprintf(" (%d of %d differ)", n, a.Len())
		d.add(fmt.Sprintf("%s[%d]", path, first), key, brief(a.Index(first))+count, brief(b.Index(first)))
	}
}

// keyed compares the entries of equal keys, in the order of a, then those that only b has.
func (d *differ) keyed(path string, a, b reflect.Value, ka, kb []string) {
	where := make(map[string]int, len(kb))
	for i, k := range kb {
		where[k] = i
	}
	last, moved := -1, ""
	for i, k := range ka {
		at := fmt.Sprintf("%s[%d]", path, i)
		j, ok := where[k]
		if !ok {
			d.add(at, k, brief(a.Index(i)), "")
			continue
		}
		delete(where, k)
		if j < last && moved == "" {
			moved = k
		}
		last = max(last, j)
		d.compare(at, k, a.Index(i), b.Index(j))
	}
	if moved != "" {
		d.add(path, moved, "in this order", "in another order")
	}
	for j, k := range kb {
		if i, ok := where[k]; ok && i == j {
			d.add(fmt.Sprintf("%s[%d]", path, j), k, "", brief(b.Index(j)))
		}
	}
}
