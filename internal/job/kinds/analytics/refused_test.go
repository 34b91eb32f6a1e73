package analytics_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestACellStaysWithItsClient: where a client cannot count, the file of answers says which row and column it is, and
// neither what stands there nor the path of the file.
func TestACellStaysWithItsClient(t *testing.T) {
	const secret = "SECRET-4711"
	text := "f,g\n"
	for i := range 300 {
		text += fmt.Sprintf("%d.25,%d\n", i, i%7)
	}
	file := filepath.Join(t.TempDir(), "people.csv")
	if err := os.WriteFile(file, []byte(text+secret+",1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	j := asking(t, file, "count", "mean f")
	res := ran(t, j)
	b, err := os.ReadFile(res.Model)
	if err != nil {
		t.Fatal(err)
	}
	told := string(b)
	if !strings.Contains(told, `"reason": "line or row 302, column 1 of the data cannot be counted"`) ||
		strings.Contains(told, secret) || strings.Contains(told, "people.csv") {
		t.Errorf("told %s", told)
	}
	if len(res.Refused) != 1 || !strings.HasPrefix(res.Refused[0].Client, "client") ||
		!strings.Contains(res.Refused[0].Reason, "line or row 302, column 1") {
		t.Errorf("the result says of who was refused: %+v", res.Refused)
	}
	if n := *res.Answers[0].Value; n >= 301 || n < 150 || res.Answers[0].Clients != 2 {
		t.Errorf("counted %+v", res.Answers[0])
	}
}
