package dataset

import (
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
)

// TestSchemaAgainstJob: data of another schema than the job's is refused, with the difference in words; columns of a
// file in another order are found by their names.
func TestSchemaAgainstJob(t *testing.T) {
	job := Schema{Shape: []int{2}, Features: tensor.Float32, Label: tensor.Int64, Classes: []string{"ash", "oak"},
		Names: []string{"width", "height"}}
	if err := job.Against(job); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Schema){
		`it has no column ["height"], and the job has no column ["depth"]`: func(s *Schema) {
			s.Names = []string{"width", "depth"}
		},
		`column 1 is "height", and the job's is "width": they are the same in another order`: func(s *Schema) {
			s.Names = []string{"height", "width"}
		},
		`it has no class ["oak"]`:                         func(s *Schema) { s.Classes = []string{"ash"} },
		"a sample has the shape [2 1], and the job's [2]": func(s *Schema) { s.Shape, s.Names = []int{2, 1}, nil },
		"the label is a quantity, and the job's a class":  func(s *Schema) { s.Label, s.Classes = tensor.Float32, nil },
		"features are int64":                              func(s *Schema) { s.Features = tensor.Int64 },
	} {
		s := job
		if change(&s); s.Against(job) == nil || !strings.Contains(s.Against(job).Error(), want) {
			t.Errorf("%v, want %q", s.Against(job), want)
		}
	}
	files := map[string][]byte{"server": []byte("width,height,kind\n1,2,ash\n3,4,oak\n"),
		"client": []byte("kind;height;width\noak;6;5\n"), "jsonl": []byte(`{"height":6,"kind":"oak","width":5}` + "\n")}
	server, err := opened(t, files, "server", FileSettings{})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"client", "jsonl"} {
		client, err := opened(t, files, name, server.Settings())
		if err != nil {
			t.Fatal(name, err)
		}
		if err := client.Schema().Against(server.Schema()); err != nil {
			t.Error(name, err)
		}
		if x, y, _ := samplesOf(t, client); x[0] != 5 || x[1] != 6 || y[0] != 1 {
			t.Errorf("%s: %v %v", name, x, y)
		}
	}
}
