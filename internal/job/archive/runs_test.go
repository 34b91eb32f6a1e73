package archive

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/federated"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// short is a job that ends quickly.
func short() *federated.Config {
	c := federated.Default()
	c.Rounds, c.Clients, c.Seed = 6, 3, 9
	return &c
}

// tiny is a job that is run many times in one test.
func tiny() *federated.Config {
	c := short()
	c.Rounds, c.Clients, c.Epochs = 3, 2, 1
	return c
}

// run runs a job in a directory to its end.
func run(t *testing.T, o local.Options) *job.Result {
	t.Helper()
	res, err := try(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

func try(ctx context.Context, o local.Options) (*job.Result, error) {
	l, err := local.Open(o)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return l.Run(ctx)
}

// errStopped is what a file system that was stopped returns.
var errStopped = errors.New("the disk was stopped")
