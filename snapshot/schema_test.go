package snapshot

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/notes"
)

var rewrite = flag.Bool("rewrite", false, "write formats/snapshot.proto from the types")

// TestSchema: formats/snapshot.proto says what the types say, and protoc, where it is there, reads it.
func TestSchema(t *testing.T) {
	f := Schema()
	var err error
	if f.Notes, err = notes.Of("."); err != nil {
		t.Fatal(err)
	}
	want, err := f.Text()
	if err != nil {
		t.Fatal(err)
	}
	file := "../formats/" + f.Name
	if *rewrite {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%v; %s is not what the types say: run this test with -rewrite and read the diff; then go test "+
			"./formats -rewrite", err, file)
	}
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("NOT RUN: protoc is not there: the schema was not parsed")
	}
	if out, err := exec.Command(protoc, "--proto_path=../formats", "--descriptor_set_out="+t.TempDir()+"/out",
		f.Name).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestSchemaForeign: protoc, which knows nothing of this package, decodes a rich snapshot by the schema and encodes the
// text again to the same bytes.
func TestSchemaForeign(t *testing.T) {
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("protoc is not here: no foreign reader to compare with")
	}
	run := func(mode string, in []byte) []byte {
		t.Helper()
		cmd := exec.Command(protoc, "--proto_path=../formats", mode+"=rhizome.snapshot.v1.NodeSnapshot",
			"snapshot.proto")
		cmd.Stdin = bytes.NewReader(in)
		var complaint bytes.Buffer
		cmd.Stderr = &complaint
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", mode, err, complaint.String())
		}
		return out
	}
	b := encode(t, rich(t))
	if again := run("--encode", run("--decode", b)); string(again) != string(b) {
		t.Errorf("protoc wrote\n%x\nwant\n%x", again, b)
	}
}

func TestSchemaNames(t *testing.T) {
	type NodeSnapshot struct{}
	two := SchemaFile{Roots: []reflect.Type{reflect.TypeFor[NodeSnapshot](), reflect.TypeFor[outer]()}}
	if _, err := two.Text(); err == nil {
		t.Error("two types of one name were accepted")
	}
	for in, want := range map[string]string{"PeerID": "peer_id", "JSON": "json", "CallOp": "call_op",
		"NextCommandID": "next_command_id", "A": "a"} {
		if got := snakeCase(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

type outer struct {
	N NodeSnapshot `snap:"1"`
}
