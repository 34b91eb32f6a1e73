package main

import (
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/analytics"
	"github.com/rhizome-ml/rhizome/internal/job"
)

// TestWhoWasNotCountedIsTold: the summary of a run and the last line of --json name each client whose counts are not in
// the answers, and the reason.
func TestWhoWasNotCountedIsTold(t *testing.T) {
	res := &job.Result{Job: "people", Answers: []analytics.Answer{{Name: "rows", Asked: "count", Withheld: "so"}},
		Refused: []job.Refused{{Client: "client-02", Reason: "line or row 302, column 1"}}}
	if text := summary(res, 0); !strings.Contains(text, "client-02: line or row 302, column 1") {
		t.Errorf("the summary is %s", text)
	}
	var b strings.Builder
	v := &jsonView{c: &console{out: &b, now: time.Now}}
	err := v.result(res, 0)
	if err != nil || !strings.Contains(b.String(), `"refused":[{"client":"client-02","reason":`) {
		t.Errorf("the last line is %s, %v", b.String(), err)
	}
}
