package weights

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"
)

// Safetensors is a file of the format safetensors: the length of a header, the header as JSON, the elements. Tensors of
// wider elements come first, so that each lies on a multiple of its width, then by name.
type Safetensors struct {
	Tensors []Tensor
	Format  string // the framework that the names are of ("pt"), "" for none
}

// WriteTo writes the file.
func (s Safetensors) WriteTo(w io.Writer) (int64, error) {
	if err := check(s.Tensors); err != nil {
		return 0, err
	}
	list := slices.Clone(s.Tensors)
	slices.SortStableFunc(list, func(a, b Tensor) int {
		return cmp.Or(cmp.Compare(types[b.Type].width, types[a.Type].width), cmp.Compare(a.Name, b.Name))
	})
	var head bytes.Buffer
	head.WriteString("{")
	put := func(name string, v any) error {
		if head.Len() > 1 {
			head.WriteString(",")
		}
		e := json.NewEncoder(&head)
		e.SetEscapeHTML(false)
		if err := e.Encode(name); err != nil {
			return err
		}
		head.Truncate(head.Len() - 1) // the end of the line
		head.WriteString(":")
		if err := e.Encode(v); err != nil {
			return err
		}
		head.Truncate(head.Len() - 1)
		return nil
	}
	if s.Format != "" {
		if err := put("__metadata__", map[string]string{"format": s.Format}); err != nil {
			return 0, err
		}
	}
	at := int64(0)
	for _, t := range list {
		shape := t.Shape
		if shape == nil {
			shape = []int{}
		}
		if err := put(t.Name, struct {
			Type    string   `json:"dtype"`
			Shape   []int    `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{t.Type, shape, [2]int64{at, at + t.bytes()}}); err != nil {
			return 0, err
		}
		at += t.bytes()
	}
	head.WriteString("}")
	for head.Len()%8 != 0 {
		head.WriteByte(' ')
	}
	n, err := w.Write(binary.LittleEndian.AppendUint64(nil, uint64(head.Len())))
	done := int64(n)
	if err != nil {
		return done, err
	}
	n, err = w.Write(head.Bytes())
	done += int64(n)
	for _, t := range list {
		if err != nil {
			break
		}
		var k int64
		k, err = t.to(w)
		done += k
	}
	return done, err
}
