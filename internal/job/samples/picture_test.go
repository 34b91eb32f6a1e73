package samples_test

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/job/samples"
)

// TestPartitionIsPictured: who gets what, as a well-formed picture with every number in it, and as text; names of
// strangers stay texts.
func TestPartitionIsPictured(t *testing.T) {
	counts := samples.Counts([][]int{{0, 1, 2}, {3, 4}}, []int64{0, 1, 1, 0, 0}, 2)
	svg := string(samples.PartitionSVG(counts, []string{"<b>&\x1b[31m", "oak"}))
	for _, want := range []string{"client 0: 2<", "client 0: 1<", "client 1: 2<", "oak", "&lt;b&gt;&amp;"} {
		if !strings.Contains(svg, want) {
			t.Errorf("the picture has no %q", want)
		}
	}
	if strings.Count(svg, "<circle") != 3 || strings.Contains(svg, "\x1b") {
		t.Error(svg)
	}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if got := samples.PartitionText(counts, []string{"ash", "oak"}); !strings.Contains(got,
		"     0        3        1        2\n     1        2        2        0\n") {
		t.Error(got)
	}
	many := make([][]int, 500)
	for i := range many {
		many[i] = []int{1}
	}
	if svg := string(samples.PartitionSVG(many, nil)); !strings.Contains(svg, "the first 60 clients") {
		t.Error("the picture of 500 clients does not say which it shows")
	}
}
