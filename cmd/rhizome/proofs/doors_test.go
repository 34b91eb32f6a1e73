package proofs_test

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
	"github.com/rhizome-ml/rhizome/internal/prove"
	"github.com/rhizome-ml/rhizome/internal/prove/product"
)

// TestDoors has strangers of all kinds come to a server, clients and peers as users start them.
func TestDoors(t *testing.T) {
	p := product.Doors{Bin: commandtest.Executable()}
	var want []string
	for _, f := range p.Floors() {
		want = append(want, f.What)
	}
	proven(t, p, 1, want...)
}

// TestDoorsThatAreOpenAreFound is the canary: where the server lets a stranger in, the part says so.
func TestDoorsThatAreOpenAreFound(t *testing.T) {
	t.Parallel()
	r := prove.Single(product.Doors{Bin: commandtest.Executable(), Let: 2}, 1)
	if r.OK || len(r.Failures) != 1 || !strings.Contains(r.Failures[0].Text,
		"looks without an invitation: the server offers") {
		t.Errorf("%+v", r)
	}
}
