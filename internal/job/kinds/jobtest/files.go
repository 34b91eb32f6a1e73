package jobtest

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Pictures are grey or coloured pictures, whose class is where they are bright: at the top, at the left, or nowhere.
// Pixels are 0 to 255.
type Pictures struct {
	Channels, Side int
	Pixels         []byte // by planes
	Classes        []string
}

// Bright returns n pictures, the same each time.
func Bright(n, channels, side int) Pictures {
	p := Pictures{Channels: channels, Side: side}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range n {
		p.Classes = append(p.Classes, []string{"top", "left", "none"}[i%3])
		for range channels {
			for k := range side * side {
				v := 20 + rng.IntN(60)
				if i%3 == 0 && k/side < side/3 || i%3 == 1 && k%side < side/3 {
					v += 150
				}
				p.Pixels = append(p.Pixels, byte(v))
			}
		}
	}
	return p
}

// Rows returns the same pixels with the channels of each behind the other.
func (p Pictures) Rows() []byte {
	out := make([]byte, 0, len(p.Pixels))
	plane := p.Side * p.Side
	for i := range p.Classes {
		for k := range plane {
			for c := range p.Channels {
				out = append(out, p.Pixels[(i*p.Channels+c)*plane+k])
			}
		}
	}
	return out
}

// Folder writes the pictures as a folder of images by class.
func (p Pictures) Folder(t testing.TB, dir string) {
	t.Helper()
	rows, size := p.Rows(), p.Side*p.Side*p.Channels
	for i, class := range p.Classes {
		m := image.NewNRGBA(image.Rect(0, 0, p.Side, p.Side))
		for k := range p.Side * p.Side {
			px := rows[i*size+k*p.Channels:]
			m.SetNRGBA(k%p.Side, k/p.Side, color.NRGBA{px[0], px[p.Channels/2], px[p.Channels-1], 255})
		}
		var b bytes.Buffer
		if err := png.Encode(&b, m); err != nil {
			t.Fatal(err)
		}
		Write(t, filepath.Join(dir, class, fmt.Sprintf("%03d.png", i)), b.Bytes())
	}
}

// Write writes a file, and the folders that it is in.
func Write(t testing.TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Array is one array of an archive, as NumPy writes it.
type Array struct {
	Name, Descr string
	Shape       []int
	Data        []byte
}

// Bytes is an array of whole numbers from 0 to 255.
func Bytes(name string, data []byte, shape ...int) Array { return Array{name, "|u1", shape, data} }

// Singles is an array of float32.
func Singles(name string, data []float32, shape ...int) Array {
	var b []byte
	for _, v := range data {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return Array{name, "<f4", shape, b}
}

// Texts is an array of texts, of one length.
func Texts(name string, data []string) Array {
	width := 1
	for _, s := range data {
		width = max(width, len(s))
	}
	var b []byte
	for _, s := range data {
		for i := range width {
			r := uint32(0)
			if i < len(s) {
				r = uint32(s[i])
			}
			b = binary.LittleEndian.AppendUint32(b, r)
		}
	}
	return Array{name, fmt.Sprintf("<U%d", width), []int{len(data)}, b}
}

// NPZ writes arrays as numpy.savez does; packed says numpy.savez_compressed.
func NPZ(t testing.TB, path string, packed bool, arrays ...Array) {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, a := range arrays {
		shape := strings.Trim(strings.ReplaceAll(fmt.Sprint(a.Shape), " ", ", "), "[]")
		if len(a.Shape) == 1 {
			shape += ","
		}
		head := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': (%s), }", a.Descr, shape)
		head += strings.Repeat(" ", 63-(10+len(head))%64) + "\n"
		h := &zip.FileHeader{Name: a.Name + ".npy", Method: zip.Store}
		if packed {
			h.Method = zip.Deflate
		}
		w, err := z.CreateHeader(h)
		if err == nil {
			_, err = fmt.Fprintf(w, "\x93NUMPY\x01\x00%s%s%s", binary.LittleEndian.AppendUint16(nil,
				uint16(len(head))), head, a.Data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	Write(t, path, out.Bytes())
}
