package formats

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// python returns a Python that has the package protobuf: $RHIZOME_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	if *rewrite {
		t.Skip("the vectors are being written")
	}
	name := os.Getenv("RHIZOME_PYTHON")
	if name == "" {
		name = "python3"
	}
	if out, err := exec.Command(name, "-c",
		"from google.protobuf import message_factory; message_factory.GetMessageClass").CombinedOutput(); err != nil {
		t.Skipf("NOT RUN: %s has no package protobuf, so no other language read the formats; pip install protobuf, "+
			"or name a Python in RHIZOME_PYTHON: %v %.200s", name, err, out)
	}
	return name
}

// TestPython: Python's protobuf, which knows the descriptors and nothing of this tree, reads every vector and value as
// its JSON says, and the records of a stored journal by their framing. Readers of this tree take what it writes: byte
// for byte what they write themselves where the canonical form is demanded, and from peers also with zeros written out,
// lists of numbers unpacked, and unknown fields.
func TestPython(t *testing.T) {
	name, dir := python(t), t.TempDir()
	segments, err := filepath.Glob("../internal/host/testdata/rules2/*/*.seg")
	if err != nil || len(segments) == 0 {
		t.Fatalf("%v; no stored journal is there", err)
	}
	out, err := exec.Command(name, append([]string{"check.py", ".", dir}, segments...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var done struct{ Vectors, Received, Values, Records int }
	if err := json.Unmarshal(out, &done); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	all := vectors(t)
	if done.Vectors != len(all) || done.Received < 8 || done.Values != len(values(t)) || done.Records < 20 {
		t.Errorf("Python has read %+v", done)
	}
	for _, v := range all {
		for _, how := range []string{"python", "python-zeros", "python-later"} {
			if how != "python" && v.message != envelopeMessage {
				continue
			}
			b, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(v.path())+"."+how+".binpb"))
			if err != nil {
				t.Fatal(err)
			}
			if how != "python" && bytes.Equal(b, v.bytes) {
				t.Errorf("%s as %s is canonical: the test shows nothing", v.path(), how)
			}
			if how == "python" && v.message != envelopeMessage && !bytes.Equal(b, v.bytes) {
				t.Errorf("%s: Python wrote\n%x, want\n%x", v.path(), b, v.bytes)
			}
			want := v.bytes
			if how == "python-zeros" { // payloads stay as they came: what counts is the value
				b, want = canonicalValues(t, b), canonicalValues(t, want)
			}
			if again, err := v.again(b); err != nil || !bytes.Equal(again, want) {
				t.Errorf("%s as %s: %v; taken for\n%x, want\n%x", v.path(), how, err, again, want)
			}
		}
	}
}

// canonicalValues reads an envelope and writes it anew, values and all.
func canonicalValues(t *testing.T, b []byte) []byte {
	t.Helper()
	e, err := wire.Decode(b, reg, wire.DefaultLimits())
	if err != nil {
		t.Fatal(err)
	}
	for i := range e.Fills {
		if f := value.Failed(e.Fills[i].Value); f != nil && f.Code == wire.CodeUndecodable {
			t.Errorf("a value was not read: %s", f.Message)
		}
	}
	out, err := wire.Append(nil, reg, e)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestStrict: where a digest is taken of the bytes, a message in any other encoding than the canonical one is refused,
// and so are unknown fields.
func TestStrict(t *testing.T) {
	for _, v := range vectors(t) {
		if v.message == envelopeMessage || len(v.bytes) == 0 {
			continue
		}
		for what, b := range map[string][]byte{
			"an unknown field": protowire.AppendVarint(protowire.AppendTag(bytes.Clone(v.bytes), 99,
				protowire.VarintType), 1),
			"a field twice": append(bytes.Clone(v.bytes), v.bytes...),
			"a longer tag":  append([]byte{v.bytes[0] | 0x80, 0}, v.bytes[1:]...),
		} {
			if what == "a field twice" &&
				(v.message == resultsMessage || v.message == "rhizome.component.onnx.v1.State") {
				continue // a longer list
			}
			if _, err := v.again(b); err == nil {
				t.Errorf("%s with %s was taken", v.path(), what)
			}
		}
	}
}
