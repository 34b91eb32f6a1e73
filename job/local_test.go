package job

import (
	"context"
	"testing"
	"time"
)

func TestY(t *testing.T) {
	c := Default()
	start := time.Now()
	l, err := Open(Options{Dir: t.TempDir() + "/run", Job: &c, OnRound: func(r Round) {
		t.Log(time.Since(start), r.Number, r.Accuracy, r.Loss, r.Contributions)
	}, OnWarn: func(s string) { t.Log(s) }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	res, err := l.Run(ctx)
	t.Log(res, err)
}
