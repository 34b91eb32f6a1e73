package onnx

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
)

// beside returns a model of one tensor of four float32 whose data lies elsewhere.
func besideModel(t testing.TB, props ...string) []byte {
	t.Helper()
	x := &TensorProto{Name: "w", Dims: []int64{4}, DataType: int32(TensorProto_FLOAT),
		DataLocation: TensorProto_EXTERNAL}
	for i := 0; i < len(props); i += 2 {
		x.ExternalData = SetMeta(x.ExternalData, props[i], props[i+1])
	}
	b, err := Marshal(&ModelProto{Graph: &GraphProto{Initializer: []*TensorProto{x}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRead(t *testing.T) {
	data := "....0123456789abcdef"
	m, err := ReadFS(fstest.MapFS{
		"a/m.onnx":   {Data: besideModel(t, "location", "d/m.data", "offset", "4", "length", "16")},
		"a/d/m.data": {Data: []byte(data)},
	}, "a/m.onnx", DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	x := m.Graph.Initializer[0]
	if string(x.RawData) != data[4:] || x.DataLocation != TensorProto_DEFAULT || len(x.ExternalData) != 0 {
		t.Errorf("the tensor is %v; want the data of the file in it", x)
	}
}

// TestReadRefuses: no path of a model leaves its folder, and no length is believed before the file is looked at (trap
// hostile-length).
func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	inner := filepath.Join(dir, "model")
	for name, data := range map[string]string{"secret": "0123456789abcdef", "model/ok": "0123456789abcdef"} {
		if err := os.MkdirAll(inner, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(dir, "secret"), filepath.Join(inner, "link")); err != nil {
		t.Skip(err)
	}
	if err := os.Mkdir(filepath.Join(inner, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		props []string
		want  string
	}{
		"no location":  {nil, "no path inside"},
		"dots":         {[]string{"location", "../secret"}, "no path inside"},
		"inner dots":   {[]string{"location", "folder/../../secret"}, "no path inside"},
		"absolute":     {[]string{"location", filepath.Join(dir, "secret")}, "no path inside"},
		"backslash":    {[]string{"location", `..\secret`}, "no path inside"},
		"link":         {[]string{"location", "link"}, "cannot be read"},
		"folder":       {[]string{"location", "folder"}, "no plain file"},
		"not there":    {[]string{"location", "m.onnx.data"}, `"m.onnx.data", which is not there`},
		"long":         {[]string{"location", "ok", "length", "1000000000000"}, "want 16 by its type and shape"},
		"short":        {[]string{"location", "ok", "length", "8"}, "want 16 by its type and shape"},
		"past the end": {[]string{"location", "ok", "offset", "8", "length", "16"}, "the file has 16"},
		"negative":     {[]string{"location", "ok", "offset", "-4"}, "offset is no number"},
		"offset beyond": {[]string{"location", "ok", "offset", "9223372036854775807", "length", "16"},
			"the file has 16"},
	} {
		file := filepath.Join(inner, "m.onnx")
		if err := os.WriteFile(file, besideModel(t, c.props...), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := Read(file, DefaultLimits())
		var e *ExternalError
		if !errors.As(err, &e) || e.Tensor != "w" || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v; want an ExternalError that says %q", name, err, c.want)
		}
	}
	lim := DefaultLimits()
	lim.External = 15
	if err := os.WriteFile(filepath.Join(inner, "m.onnx"), besideModel(t, "location", "ok"), 0o600); err != nil {
		t.Fatal(err)
	}
	var e *LimitError
	if _, err := Read(filepath.Join(inner, "m.onnx"), lim); !errors.As(err, &e) || e.What != "External" {
		t.Errorf("got %v; want a LimitError", err)
	}
}
