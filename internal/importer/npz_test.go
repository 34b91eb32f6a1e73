package importer

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// npz reads the arrays of a file of the zoo: little-endian, C order, as numpy wrote them; texts as texts.
func npz(t testing.TB, file string) (map[string]*tensor.Tensor, map[string]string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	arrays, texts := map[string]*tensor.Tensor{}, map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.ReplaceAll(strings.TrimSuffix(f.Name, ".npy"), "|", "/")
		x, text, err := npy(b)
		if err != nil {
			t.Fatalf("%s: %s: %v", file, name, err)
		}
		if x == nil {
			texts[name] = text
			continue
		}
		arrays[name] = x
	}
	return arrays, texts
}

// npy reads one array.
func npy(b []byte) (*tensor.Tensor, string, error) {
	if !bytes.HasPrefix(b, []byte("\x93NUMPY\x01")) {
		return nil, "", fmt.Errorf("is no array of version 1")
	}
	n := int(binary.LittleEndian.Uint16(b[8:]))
	head, body := string(b[10:10+n]), b[10+n:]
	_, descr, _ := strings.Cut(head, "'descr': '")
	descr, _, _ = strings.Cut(descr, "'")
	_, dims, _ := strings.Cut(head, "'shape': (")
	dims, _, _ = strings.Cut(dims, ")")
	if strings.Contains(head, "'fortran_order': True") {
		return nil, "", fmt.Errorf("is in Fortran order")
	}
	shape := []int{}
	size := 1
	for _, d := range strings.Split(dims, ",") {
		if d = strings.TrimSpace(d); d == "" {
			continue
		}
		k, err := strconv.Atoi(d)
		if err != nil {
			return nil, "", err
		}
		shape, size = append(shape, k), size*k
	}
	switch {
	case descr == "<f4":
		v := make([]float32, size)
		for i := range v {
			v[i] = math.Float32frombits(binary.LittleEndian.Uint32(body[4*i:]))
		}
		x, err := tensor.FromFloat32(shape, v)
		return x, "", err
	case descr == "<f8":
		v := make([]float64, size)
		for i := range v {
			v[i] = math.Float64frombits(binary.LittleEndian.Uint64(body[8*i:]))
		}
		x, err := tensor.FromFloat64(shape, v)
		return x, "", err
	case descr == "<i8":
		v := make([]int64, size)
		for i := range v {
			v[i] = int64(binary.LittleEndian.Uint64(body[8*i:]))
		}
		x, err := tensor.FromInt64(shape, v)
		return x, "", err
	case strings.HasPrefix(descr, "<U"):
		var s strings.Builder
		for i := 0; i+4 <= len(body); i += 4 {
			if r := binary.LittleEndian.Uint32(body[i:]); r != 0 {
				s.WriteRune(rune(r))
			}
		}
		return nil, s.String(), nil
	}
	return nil, "", fmt.Errorf("is of type %q", descr)
}
