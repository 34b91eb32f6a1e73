package formats

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/rhizome-ml/rhizome/value"
)

var rewrite = flag.Bool("rewrite", false, "write descriptors.binpb and the vectors")

// schemas are the .proto files of which descriptors.binpb is made.
func schemas() []string {
	out := []string{"envelope.proto", "snapshot.proto", "journal.proto", "onnx.proto"}
	for _, kind := range kinds() {
		if path, _ := componentFile(kind); path != "" {
			out = append(out, path)
		}
	}
	return out
}

// TestDescriptors: descriptors.binpb is what protoc makes of the schemas.
func TestDescriptors(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("NOT RUN: protoc is not there: descriptors.binpb was not held against the schemas")
	}
	made := filepath.Join(t.TempDir(), "set")
	args := append([]string{"--proto_path=.", "--proto_path=../internal/onnx", "--include_imports",
		"--descriptor_set_out=" + made}, schemas()...)
	if out, err := exec.Command(protoc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	b, err := os.ReadFile(made)
	if err != nil {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile("descriptors.binpb", b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var want descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(b, &want); err != nil {
		t.Fatal(err)
	}
	if !proto.Equal(&want, descriptors(t)) {
		t.Error("descriptors.binpb is not what the schemas say: run this test with -rewrite")
	}
}

func descriptors(t *testing.T) *descriptorpb.FileDescriptorSet {
	t.Helper()
	b, err := os.ReadFile("descriptors.binpb")
	if err != nil {
		t.Fatal(err)
	}
	set := &descriptorpb.FileDescriptorSet{}
	if err := proto.Unmarshal(b, set); err != nil {
		t.Fatal(err)
	}
	return set
}

// published are the schemas as a stock protobuf library has them.
func published(t *testing.T) *protoregistry.Files {
	t.Helper()
	files, err := protodesc.NewFiles(descriptors(t))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// parse reads a message with a stock library; fields that the schema does not know are dropped.
func parse(t *testing.T, files *protoregistry.Files, message string, b []byte) *dynamicpb.Message {
	t.Helper()
	m := blank(t, files, message)
	if err := (proto.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(b, m); err != nil {
		t.Fatalf("%s: %v", message, err)
	}
	return m
}

func blank(t *testing.T, files *protoregistry.Files, message string) *dynamicpb.Message {
	t.Helper()
	d, err := files.FindDescriptorByName(protoreflect.FullName(message))
	if err != nil {
		t.Fatal(err)
	}
	return dynamicpb.NewMessage(d.(protoreflect.MessageDescriptor))
}

// meaning returns what a message means, in protobuf's JSON form.
func meaning(t *testing.T, m proto.Message) []byte {
	t.Helper()
	b, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := json.Indent(&out, b, "", " "); err != nil {
		t.Fatal(err)
	}
	return append(out.Bytes(), '\n')
}

// TestVectors: the folder vectors holds the golden vectors, no more and no less. What Go's readers of this tree make of
// each, and a stock protobuf library, is the same, in both directions and byte for byte.
func TestVectors(t *testing.T) {
	files, want := published(t), map[string][]byte{}
	for _, v := range vectors(t) {
		again, err := v.again(v.bytes)
		if err != nil || !bytes.Equal(again, v.bytes) {
			t.Errorf("%s: %v; written again as\n%x, want\n%x", v.path(), err, again, v.bytes)
		}
		m := parse(t, files, v.message, v.bytes)
		text := meaning(t, m)
		want[v.path()+".binpb"], want[v.path()+".json"] = v.bytes, text
		read := blank(t, files, v.message)
		if err := protojson.Unmarshal(text, read); err != nil || !proto.Equal(read, m) {
			t.Errorf("%s: %v; the JSON means something else", v.path(), err)
		}
		b, err := proto.MarshalOptions{Deterministic: true}.Marshal(read)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := v.again(b); err != nil || !bytes.Equal(again, v.bytes) {
			t.Errorf("%s: %v; what a stock library writes is taken for\n%x, want\n%x", v.path(), err, again, v.bytes)
		}
		for how, b := range v.received {
			want[v.path()+"."+how+".received.binpb"] = b
			if again, err := v.again(b); err != nil || !bytes.Equal(again, v.bytes) {
				t.Errorf("%s, %s: %v; taken for\n%x, want\n%x", v.path(), how, err, again, v.bytes)
			}
			if !proto.Equal(parse(t, files, v.message, b), m) || bytes.Equal(b, v.bytes) {
				t.Errorf("%s, %s: a stock library reads something else, or the bytes are canonical", v.path(), how)
			}
		}
	}
	want["values.json"] = valueVectors(t)
	compare(t, want)
}

// compare holds the folder vectors against what it should be.
func compare(t *testing.T, want map[string][]byte) {
	t.Helper()
	const dir = "vectors"
	if *rewrite {
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		for name, b := range want {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, b, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	there := map[string]bool{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		there[filepath.ToSlash(name)] = true
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(want)) {
		if b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name))); err != nil ||
			!bytes.Equal(b, want[name]) {
			t.Errorf("%s: %v; it is not what this release writes: run this test with -rewrite and read the diff", name,
				err)
		}
		delete(there, name)
	}
	for name := range there {
		t.Errorf("%s is no vector: run this test with -rewrite", name)
	}
}

// TestVectorsReachEveryField: each field of each published message has a content in some vector.
func TestVectorsReachEveryField(t *testing.T) {
	files, seen := published(t), map[protoreflect.FullName]bool{}
	var visit func(m protoreflect.Message)
	visit = func(m protoreflect.Message) {
		m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
			seen[f.FullName()] = true
			switch {
			case f.Message() == nil:
			case f.IsList():
				for i := range v.List().Len() {
					visit(v.List().Get(i).Message())
				}
			default:
				visit(v.Message())
			}
			return true
		})
	}
	for _, v := range vectors(t) {
		visit(parse(t, files, v.message, v.bytes).ProtoReflect())
	}
	files.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if f.Path() == "onnx.proto" {
			return true
		}
		for i := range f.Messages().Len() {
			m := f.Messages().Get(i)
			for j := range m.Fields().Len() {
				if name := m.Fields().Get(j).FullName(); !seen[name] {
					t.Errorf("no vector has the field %s", name)
				}
			}
		}
		return true
	})
}

// valueVectors returns the text of values.json: payloads of each type of value, and what they mean.
func valueVectors(t *testing.T) []byte {
	type vector struct {
		Type    value.TypeID `json:"type"`
		Payload string       `json:"payload"`
		Means   any          `json:"means"`
	}
	var out []vector
	var means func(v value.Value) any
	var form func(f *value.Form) any
	form = func(f *value.Form) any {
		switch {
		case f.Small != nil:
			return map[string]any{"type": f.Small.Type(), "means": means(f.Small)}
		case f.List != nil:
			items := []any{}
			for i := range f.List {
				items = append(items, form(&f.List[i]))
			}
			return map[string]any{"list": items}
		case f.Raw:
			return map[string]any{"bytes": f.Shape[0]}
		}
		return map[string]any{"dtype": int(f.DType), "shape": f.Shape}
	}
	means = func(v value.Value) any {
		switch v := v.(type) {
		case value.Bool:
			return bool(v)
		case value.Int:
			return strconv.FormatInt(int64(v), 10)
		case value.Float:
			return float64(v)
		case value.String:
			return string(v)
		case value.Peer:
			return string(v)
		case value.Bytes:
			return base64.StdEncoding.EncodeToString(v.Raw())
		case *value.Loan:
			return map[string]any{"lender": string(v.Lender), "epoch": strconv.FormatUint(v.Epoch, 10),
				"number": strconv.FormatUint(v.Number, 10), "chunk": v.Chunk, "ahead": v.Ahead, "form": form(&v.Form)}
		case *value.Failure:
			return map[string]string{"code": v.Code, "where": v.Where, "message": v.Message}
		case *value.List:
			items := []any{}
			for _, it := range v.Items() {
				items = append(items, map[string]any{"type": it.Type(), "means": means(it)})
			}
			return items
		case value.Tensor:
			m := parse(t, published(t), "rhizome.onnx.v1.TensorProto", v.Append(nil))
			return json.RawMessage(meaning(t, m))
		}
		return nil
	}
	for _, v := range values(t) {
		b, err := reg.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		read, err := reg.Decode(v.Type(), b, value.DefaultLimits())
		if err != nil || !reg.Equal(read, v) {
			t.Errorf("%s %x: %v", v.Type(), b, err)
		}
		out = append(out, vector{v.Type(), base64.StdEncoding.EncodeToString(b), means(v)})
	}
	b, err := json.MarshalIndent(out, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return append(b, '\n')
}

// path is where a vector is, without its ending.
func (v *vector) path() string { return v.message + "/" + strings.ReplaceAll(v.name, " ", "-") }
