package federated

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/sim"
)

// TestManyClientsOfAFile: in a simulation a file is dealt to more clients than a local run has.
func TestManyClientsOfAFile(t *testing.T) {
	c := scaledJob(t, t.TempDir(), map[string]string{"partition": "iid", "normalize": "standard",
		"clients": "100", "rounds": "1"})
	if err := c.Local(); err == nil || !strings.Contains(err.Error(), "rhizome sim runs more") {
		t.Errorf("a local run of 100 clients: %v", err)
	}
	if _, err := c.Change("clients", "4097"); err != nil {
		t.Fatal(err)
	}
	c.Clients = 4097
	if err := c.Validate(); err == nil || !strings.Contains(err.Error(), "4096") {
		t.Errorf("4,097 clients of a file: %v", err)
	}
	c.Clients = 100
	v := newVirtual(t, c, 0, sim.Network{})
	v.run()
	if s := v.outcome(t); s.Contributions != 100 {
		t.Errorf("%d contributions of 100 clients in one round", s.Contributions)
	}
}
