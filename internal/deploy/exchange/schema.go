package exchange

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/clean"
)

// SchemaFormat is the version of a Schema.
const SchemaFormat = 1

// The bounds of a schema.
const (
	schemaShown = 48 // names that travel; the digest is over all of them
	schemaName  = 40 // letters of a name that travels
)

// Schema says what a client's data is: which columns it has and which classes its labels are of, by name and in order.
// Two sites whose columns or classes stand in another order train a model that means nothing, and no shape shows it.
type Schema struct {
	Format      int      `json:"format"`
	Digest      string   `json:"digest"`       // of all columns and classes
	Columns     []string `json:"columns"`      // the first of them
	Classes     []string `json:"classes"`      // the same
	ColumnCount int      `json:"column_count"` // of all
	ClassCount  int      `json:"class_count"`
}

// SchemaOf returns the schema of columns and classes.
func SchemaOf(columns, classes []string) *Schema {
	b, _ := json.Marshal(struct {
		Columns []string `json:"columns"`
		Classes []string `json:"classes"`
	}{append([]string{}, columns...), append([]string{}, classes...)}) // texts are always encoded
	sum := sha256.Sum256(append([]byte("rhizome schema 1 "), b...))
	return &Schema{SchemaFormat, hex.EncodeToString(sum[:]), first(columns), first(classes), len(columns), len(classes)}
}

func first(names []string) []string {
	out := []string{}
	for _, n := range names[:min(len(names), schemaShown)] {
		out = append(out, clean.Text(n, schemaName))
	}
	return out
}

// Against holds a client's schema against the job's. The error is a *RefusedError with both lists.
func (s *Schema) Against(job *Schema) error {
	switch {
	case s == nil || job == nil:
		return nil // the client trains on the data of the job, or the job names no columns
	case s.Format != SchemaFormat:
		return Refuse(CodeFormat, "the data is told in format %d, and this server knows %d", s.Format, SchemaFormat)
	case s.Digest == job.Digest:
		return nil
	}
	what, got, want, has, wants := "columns", s.Columns, job.Columns, s.ColumnCount, job.ColumnCount
	if slices.Equal(got, want) && has == wants {
		what, got, want, has, wants = "classes", s.Classes, job.Classes, s.ClassCount, job.ClassCount
	}
	at := 0
	for at < min(len(got), len(want)) && got[at] == want[at] {
		at++
	}
	return Refuse(CodeData,
		"the %s of the data are not those of the job: from number %d on the data has %s, and the job %s",
		what, at+1, list(got[min(at, len(got)):], has), list(want[min(at, len(want)):], wants))
}

// list shows some names, and how many there are in all.
func list(names []string, count int) string {
	var b strings.Builder
	b.WriteString("(")
	for i, n := range names {
		if b.Len() > 160 || i == schemaShown {
			b.WriteString(", …")
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(clean.Text(n, schemaName))
	}
	fmt.Fprintf(&b, ") of %d in all", count)
	return b.String()
}
