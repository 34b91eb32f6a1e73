package deploy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/journal"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/transport/memory"
)

// TestAChangedDataFileIsRefused starts a client again with its file of data: as it was, elsewhere, changed, and gone.
func TestAChangedDataFileIsRefused(t *testing.T) {
	fsys := vfs.NewMem()
	write := func(name, text string) {
		if err := journal.WriteFileAtomic(fsys, name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := fsys.MkdirAll("d"); err != nil {
		t.Fatal(err)
	}
	write("d/rows.csv", "as it was")
	_, sum, err := readData(fsys, "d/rows.csv")
	if err != nil {
		t.Fatal(err)
	}
	d, rec := &Dir{FS: fsys, Path: "client"}, &Record{Data: &DataFile{Path: "d/rows.csv", SHA256: sum, Slot: "data"}}
	if b, err := sameData(d, rec, ""); err != nil || string(b.rows) != "as it was" {
		t.Errorf("%v, %v", b, err)
	}
	write("d/moved.csv", "as it was")
	if b, err := sameData(d, rec, "d/moved.csv"); err != nil || string(b.rows) != "as it was" {
		t.Errorf("moved: %v, %v", b, err)
	}
	write("d/rows.csv", "as it is")
	var de *DirError
	if _, err := sameData(d, rec, ""); !errors.As(err, &de) || !strings.Contains(err.Error(), "bring the file back") {
		t.Errorf("changed: %v", err)
	}
	if _, err := sameData(d, rec, "d/none.csv"); err == nil {
		t.Error("a file that is not there was taken")
	}
	if _, err := sameData(d, &Record{}, "d/moved.csv"); !errors.As(err, &de) {
		t.Errorf("data for a client that had none: %v", err)
	}
}

// TestFilesOfOtherKinds: what no kind of source reads is told as what it is, by its first bytes.
func TestFilesOfOtherKinds(t *testing.T) {
	row := strings.Repeat("0,", 64)
	for text, want := range map[string]string{
		"\x1f\x8b\x08":                         "gzip",
		"\x93NUMPY\x01":                        "NumPy array",
		"PK\x03\x04":                           "zip archive",
		"PAR1":                                 "Parquet",
		"\xff\xfe0\x00":                        "UTF-16",
		strings.ReplaceAll(row+"1", ",", ";"):  "semicolons",
		strings.ReplaceAll(row+"1", ",", "\t"): "tabs",
		"\x00\x01\x02\x03":                     "binary",
		"{\"a\": 1}":                           "JSON",
	} {
		_, err := checkRows("mine.csv", []byte(text))
		if !errors.As(err, new(*DataError)) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: %v, want %q", text, err, want)
		}
	}
	for _, good := range []string{row + "7\n" + row + "3\n", "\xef\xbb\xbf" + row + "1",
		strings.Repeat("pixel,", 64) + "label\n" + row + "1\n"} {
		if s, err := checkRows("mine.csv", []byte(good)); err != nil ||
			s.Digest != schemaOfJob(federated.Default()).Digest {
			t.Errorf("%.20q: %v", good, err)
		}
	}
	if _, err := checkRows("mine.csv", []byte(row+"7\n"+row+"33\n")); err == nil || !strings.Contains(err.Error(),
		"line 2") {
		t.Error(err)
	}
}

// TestDataIsReadFirst (U14, case 16): a file that nothing reads is told before anybody is asked; one whose rows are bad
// (a program may say how they are read), or for which the program has no use, is told before a place is taken, which is
// there for the next client then.
func TestDataIsReadFirst(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	disk := vfs.NewMem()
	write := func(name, text string) {
		if err := journal.WriteFileAtomic(disk, name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	write("bad.csv", "1,2\n")
	write("none.csv", "\x00\x01\x02\x03")
	write("good.csv", strings.Repeat("0,", 64)+"7\n")
	const within = 20 * time.Second // for a server
	join := func(name, server, data string) error {
		_, err := Join(t.Context(),
			JoinOptions{Options: Options{Dir: name, FS: disk, Listen: []string{"/memory/" + name},
				Network: memoryNet(net)},
				Server: []string{server}, Member: -1, Wait: within, Data: data})
		return err
	}
	nowhere := "/memory/nobody/p2p/" + string(newIdentity(t))
	start := time.Now()
	if err := join("a", nowhere, "none.csv"); !errors.As(err, new(*DataError)) || time.Since(start) >= within {
		t.Errorf("%v after %s", err, time.Since(start))
	}
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) {
		o.Job, _ = job.With(o.Job, map[string]string{"data": job.DataSynthetic, "clients": "1", "rounds": "2",
			"name": "synthetic"})
	})
	if err := join("b", s.door.Line, "good.csv"); !errors.As(err, new(*InputError)) || !strings.Contains(err.Error(),
		"no part of this job reads") {
		t.Errorf("a file for which there is no use: %v", err)
	}
	if err := join("d", s.door.Line, "bad.csv"); err == nil {
		t.Error("bad rows were taken")
	}
	if s.places() != 0 {
		t.Fatal("it took a place")
	}
	if err := join("c", s.door.Line, ""); err != nil {
		t.Errorf("the next client: %v", err)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
}

// TestAClientBringsItsData: a client that brings no file to a job which trains on files is told so before it takes a
// place: the rounds would wait for it, and it could never take part. One that has a number keeps it, and says so where
// another is asked for.
func TestAClientBringsItsData(t *testing.T) {
	net := memory.New(memory.Options{})
	defer net.Close()
	file, text := filepath.Join(t.TempDir(), "rows.csv"), "a,b,y\n"
	for i := range 60 {
		text += fmt.Sprintf("%d.5,%d,%s\n", i%7, i%11, []string{"no", "yes"}[i%7/4])
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newStage(t, net, vfs.NewMem(), func(o *ServerOptions) {
		o.FS, o.Dir = vfs.OS(), filepath.Join(t.TempDir(), "server")
		o.Job, _ = job.With(o.Job, map[string]string{"data": file, "label": "y", "clients": "1", "rounds": "2"})
	})
	var mu sync.Mutex
	var warned string
	dir := filepath.Join(t.TempDir(), "client")
	join := func(data string, member int) error {
		_, err := Join(t.Context(), JoinOptions{Options: Options{Dir: dir, FS: vfs.OS(),
			Listen: []string{"/memory/client"}, Network: memoryNet(net), Notify: func(what any) {
				mu.Lock()
				defer mu.Unlock()
				if w, ok := what.(Warning); ok {
					warned += w.Text + "\n"
				}
			}}, Server: []string{s.door.Line}, Member: member, Wait: 20 * time.Second, Data: data})
		return err
	}
	if err := join("", -1); !errors.As(err, new(*InputError)) || !strings.Contains(err.Error(), "join … --data") {
		t.Errorf("without a file: %v", err)
	}
	if s.places() != 0 {
		t.Fatal("it took a place")
	}
	if err := join(file, 0); err != nil {
		t.Errorf("with a file: %v", err)
	}
	if err := <-s.ended; err != nil {
		t.Error(err)
	}
	err := join("", 7)
	mu.Lock()
	defer mu.Unlock()
	if err != nil || !strings.Contains(warned, "has number 0, and keeps it") {
		t.Errorf("another number: %v, %q", err, warned)
	}
}
