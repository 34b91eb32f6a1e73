package weights

import (
	"archive/zip"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// NPZ is an archive of numpy: a file NAME.npy for each tensor, not compressed, in the order that is given. BF16 has no
// type there, and is refused.
type NPZ struct{ Tensors []Tensor }

// counting counts what is written.
type counting struct {
	w io.Writer
	n int64
}

func (c *counting) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += int64(n)
	return n, err
}

// WriteTo writes the file.
func (s NPZ) WriteTo(w io.Writer) (int64, error) {
	if err := check(s.Tensors); err != nil {
		return 0, err
	}
	c := &counting{w: w}
	z := zip.NewWriter(c)
	for _, t := range s.Tensors {
		descr := types[t.Type].numpy
		if descr == "" {
			return c.n, fmt.Errorf("weights: tensor %q is of type %s, which numpy does not have", t.Name, t.Type)
		}
		// A time of its own would make the same tensors other bytes.
		f, err := z.CreateHeader(&zip.FileHeader{Name: t.Name + ".npy", Method: zip.Store})
		if err == nil {
			_, err = f.Write(npyHeader(descr, t.Shape))
		}
		if err == nil {
			_, err = t.to(f)
		}
		if err != nil {
			return c.n, err
		}
	}
	err := z.Close()
	return c.n, err
}

// npyHeader is what stands before the elements in an NPY file of version 1.
func npyHeader(descr string, shape []int) []byte {
	var dims strings.Builder
	for _, d := range shape {
		fmt.Fprintf(&dims, "%d, ", d)
	}
	of := strings.TrimSuffix(dims.String(), " ")
	if len(shape) > 1 {
		of = strings.TrimSuffix(of, ",")
	}
	text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", descr, of)
	const magic = "\x93NUMPY\x01\x00"
	for (len(magic)+2+len(text)+1)%64 != 0 {
		text += " "
	}
	text += "\n"
	return append(binary.LittleEndian.AppendUint16([]byte(magic), uint16(len(text))), text...)
}
