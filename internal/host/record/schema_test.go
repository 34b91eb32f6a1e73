package record

import (
	"flag"
	"os"
	"os/exec"
	"reflect"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/notes"
	"github.com/rhizome-ml/rhizome/snapshot"
)

var rewrite = flag.Bool("rewrite", false, "write formats/journal.proto")

// TestSchema: formats/journal.proto says what the types of records and blobs say, and protoc, where it is there, reads
// it.
func TestSchema(t *testing.T) {
	said, err := notes.Of(".")
	if err != nil {
		t.Fatal(err)
	}
	f := snapshot.SchemaFile{
		Name: "journal.proto", Package: "rhizome.journal.v1",
		Written: "go test ./internal/host/record -run Schema -rewrite", Notes: said,
		Roots:   []reflect.Type{reflect.TypeFor[Record](), reflect.TypeFor[resultList]()},
		Imports: []snapshot.SchemaFile{snapshot.Schema()},
	}
	want, err := f.Text()
	if err != nil {
		t.Fatal(err)
	}
	file := "../../../formats/" + f.Name
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
	if out, err := exec.Command(protoc, "--proto_path=../../../formats", "--descriptor_set_out="+t.TempDir()+"/out",
		f.Name).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
