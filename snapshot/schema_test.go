package snapshot

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"reflect"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write schema.proto from the types")

// TestSchema: schema.proto says what the types say, and protoc, where it is there, reads it.
func TestSchema(t *testing.T) {
	want, err := Schema(reflect.TypeFor[NodeSnapshot](), reflect.TypeFor[IngressEventSnapshot]())
	if err != nil {
		t.Fatal(err)
	}
	const file = "schema.proto"
	if *rewrite {
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("%v; %s is not what the types say: run this test with -rewrite and read the diff", err, file)
	}
	protoc, err := exec.LookPath("protoc")
	if err != nil {
		t.Skip("protoc is not here: the schema was not parsed")
	}
	if out, err := exec.Command(protoc, "--proto_path=.", "--descriptor_set_out="+t.TempDir()+"/out", file).CombinedOutput(); err != nil {
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
		cmd := exec.Command(protoc, "--proto_path=.", mode+"=rhizome.snapshot.v1.NodeSnapshot", "schema.proto")
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
	if _, err := Schema(reflect.TypeFor[NodeSnapshot](), reflect.TypeFor[outer]()); err == nil {
		t.Error("two types of one name were accepted")
	}
	for in, want := range map[string]string{"PeerID": "peer_id", "JSON": "json", "CallOp": "call_op", "NextCommandID": "next_command_id", "A": "a"} {
		if got := snakeCase(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

type outer struct {
	N NodeSnapshot `snap:"1"`
}
