package dataset

import (
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"
)

// TestReady: a set that a package has put on the machine is found and read; otherwise the error says how to get it.
func TestReady(t *testing.T) {
	iris, err := os.ReadFile("testdata/iris.csv")
	if err != nil {
		t.Fatal(err)
	}
	const folder = "/lib/python3.13/site-packages/sklearn/datasets/data/iris.csv"
	root := fstest.MapFS{"usr/local" + folder: {Data: iris}}
	file, test, s, err := Ready(root, "iris")
	if err != nil || file != "usr/local"+folder || test != "" {
		t.Fatal(file, test, err)
	}
	f, err := OpenFile(root, file, s)
	if err != nil || f.Len() != 150 || f.Schema().Width() != 4 || len(f.Schema().Classes) != 3 {
		t.Errorf("%v, %v", f, err)
	}
	root["home/me/env"+folder] = &fstest.MapFile{Data: iris}
	if file, _, _, _ := Ready(root, "iris", "home/me/env"); file != "home/me/env"+folder {
		t.Errorf("%s is taken first", file)
	}
	for _, name := range ReadySets() {
		if _, _, _, err := Ready(fstest.MapFS{}, name); err == nil || !strings.Contains(err.Error(),
			"apt-get install") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, _, err := Ready(root, "irises"); !errors.As(err, new(*UnknownError)) {
		t.Error(err)
	}
}
