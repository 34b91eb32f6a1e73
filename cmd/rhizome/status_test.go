package main

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestOthersIsExplainedWhereItIsThere: the line below the table of clients is there only when the column has something
// in it.
func TestOthersIsExplainedWhereItIsThere(t *testing.T) {
	some := job.Number(0.5)
	for _, others := range []*job.Number{nil, &some} {
		c := deploy.ClientStatus{Name: "client-00"}
		c.Others = others
		var b strings.Builder
		if err := writeClients(&b, []deploy.ClientStatus{c}); err != nil || strings.Contains(b.String(),
			"cosine") != (others != nil) {
			t.Errorf("%+v (%v):\n%s", c, err, b.String())
		}
	}
}
