package archive

import (
	"context"
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/local"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

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
