// Package jobtest has what the tests of runs share: jobs that end quickly, and what a directory holds.
package jobtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
)

// Short is a job that ends quickly.
func Short() *federated.Config {
	c := federated.Default()
	c.Rounds, c.Clients, c.Seed = 6, 3, 9
	return &c
}

// Tiny is a job that is run many times in one test.
func Tiny() *federated.Config {
	c := Short()
	c.Rounds, c.Clients, c.Epochs = 3, 2, 1
	return c
}

// Content returns all files below a directory, without those of locks.
func Content(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || e.Name() == "lock" {
			return err
		}
		b, err := os.ReadFile(p)
		out[p] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
