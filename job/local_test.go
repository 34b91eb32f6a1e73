package job

import (
	"testing"
	"time"
)

func TestY(t *testing.T) {
	c := Default()
	c.Seed = 1
	c.LearningRate = 10
	c.Momentum = .99
	start := time.Now()
	l, err := Open(Options{Dir: t.TempDir() + "/run", Job: &c, OnWarn: func(s string) { t.Log(s) }, OnRound: func(r Round) { t.Log(r.Number, r.Accuracy, r.Loss) }})
	if err != nil {
		t.Fatal(err)
	}
	res, err := l.Run(t.Context())
	t.Log(err, res, time.Since(start))
	l.Close()
}
