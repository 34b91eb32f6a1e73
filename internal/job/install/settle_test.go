package install_test

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/install"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
)

// What is given back is there when it is needed: the program runs on.
func TestTheProgramRunsOnWhenItsPagesAreGivenBack(t *testing.T) {
	c := federated.Default()
	before, err := c.Compile()
	if err != nil {
		t.Fatal(err)
	}
	install.UnmapProgram()
	after, err := c.Compile()
	if err != nil || after.Digest != before.Digest {
		t.Errorf("digest %v before, %v after: %v", before.Digest, after.Digest, err)
	}
}
