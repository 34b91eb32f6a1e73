package local

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/rundir"
)

// TestFormat1IsRead: a run of the release before goes on.
func TestFormat1IsRead(t *testing.T) {
	dir := t.TempDir()
	c := jobtest.Tiny()
	art, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	content, err := json.Marshal(map[string]any{
		"state": "new", "job": c.Settings(), "set": map[string]string{}, "artifact": hex.EncodeToString(art.Digest[:]),
		"starts": 3, "drops": 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(content)
	text := fmt.Sprintf(`{"format":1,"sha256":"%x","content":%s}`+"\n", sum, content)
	if err := os.WriteFile(filepath.Join(dir, rundir.RunFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if res := run(t, Options{Dir: dir}); res.Rounds != 3 || res.Restarts != 4 {
		t.Errorf("%+v", res)
	}
}
