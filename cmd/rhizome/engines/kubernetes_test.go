package engines_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

// The parts of Kubernetes' objects that the files have, by its API reference of batch/v1 and v1; a field that is not
// here is refused.
type (
	object struct {
		APIVersion string `yaml:"apiVersion"`
		Kind       string
		Metadata   struct{ Name string }
		Spec       yaml.Node
	}
	claimSpec struct {
		AccessModes []string `yaml:"accessModes"`
		Resources   resources
	}
	resources struct{ Requests map[string]string }
	jobSpec   struct {
		CompletionMode string `yaml:"completionMode"`
		Completions    int
		Parallelism    int
		BackoffLimit   *int `yaml:"backoffLimit"`
		Template       struct{ Spec podSpec }
	}
	podSpec struct {
		RestartPolicy   string `yaml:"restartPolicy"`
		SecurityContext struct {
			RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
			RunAsUser      int                   `yaml:"runAsUser"`
			RunAsGroup     int                   `yaml:"runAsGroup"`
			FSGroup        int                   `yaml:"fsGroup"`
			SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
		} `yaml:"securityContext"`
		Containers []container
		Volumes    []struct {
			Name                  string
			PersistentVolumeClaim struct {
				ClaimName string `yaml:"claimName"`
			} `yaml:"persistentVolumeClaim"`
		}
	}
	container struct {
		Name, Image     string
		Command, Args   []string
		Resources       resources
		SecurityContext struct {
			AllowPrivilegeEscalation *bool `yaml:"allowPrivilegeEscalation"`
			ReadOnlyRootFilesystem   bool  `yaml:"readOnlyRootFilesystem"`
			Capabilities             struct{ Drop []string }
		} `yaml:"securityContext"`
		VolumeMounts []struct {
			Name      string
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
)

// objects reads the objects of a file, all of whose fields have to be known.
func objects(t *testing.T, name string) (jobs []jobSpec, claims []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "..", "deploy", "kubernetes", name))
	if err != nil {
		t.Fatal(err)
	}
	for all := yaml.NewDecoder(bytes.NewReader(b)); ; {
		var o object
		switch err := all.Decode(&o); {
		case errors.Is(err, io.EOF):
			return jobs, claims
		case err != nil:
			t.Fatalf("%s: %v", name, err)
		}
		strict := func(into any) {
			text, err := yaml.Marshal(&o.Spec)
			if err != nil {
				t.Fatal(err)
			}
			d := yaml.NewDecoder(bytes.NewReader(text))
			d.KnownFields(true)
			if err := d.Decode(into); err != nil {
				t.Fatalf("%s: %s: %v", name, o.Metadata.Name, err)
			}
		}
		switch o.APIVersion + " " + o.Kind {
		case "batch/v1 Job":
			var j jobSpec
			strict(&j)
			jobs = append(jobs, j)
		case "v1 PersistentVolumeClaim":
			var c claimSpec
			strict(&c)
			if !slices.Equal(c.AccessModes, []string{"ReadWriteMany"}) || c.Resources.Requests["storage"] == "" {
				t.Errorf("%s: the claim is %+v", name, c)
			}
			claims = append(claims, o.Metadata.Name)
		default:
			t.Errorf("%s has a %s %s", name, o.APIVersion, o.Kind)
		}
	}
}

// TestKubernetes: the files in deploy/kubernetes are objects of Kubernetes, whose pods do without rights; as many pods
// as there are shards, each told its number as Kubernetes tells it, run the commands that stand there, and their merge
// is the sweep in one process.
func TestKubernetes(t *testing.T) {
	sweeps, claims := objects(t, "sweep.yaml")
	merges, _ := objects(t, "merge.yaml")
	if len(sweeps) != 1 || len(merges) != 1 || len(claims) != 1 {
		t.Fatalf("%d and %d jobs, claims %v", len(sweeps), len(merges), claims)
	}
	s, m := sweeps[0], merges[0]
	n := s.Completions
	if s.CompletionMode != "Indexed" || n < 2 || s.Parallelism < 1 || s.BackoffLimit == nil || *s.BackoffLimit < n ||
		s.Template.Spec.RestartPolicy != "OnFailure" || m.Template.Spec.RestartPolicy != "Never" {
		t.Errorf("%+v\n%+v", s, m)
	}
	for _, j := range []jobSpec{s, m} {
		p := j.Template.Spec
		if len(p.Containers) != 1 || len(p.Volumes) != 1 || p.Volumes[0].PersistentVolumeClaim.ClaimName != claims[0] ||
			!p.SecurityContext.RunAsNonRoot || p.SecurityContext.RunAsUser == 0 ||
			p.SecurityContext.SeccompProfile.Type != "RuntimeDefault" {
			t.Fatalf("%+v", p)
		}
		c := p.Containers[0]
		if len(c.VolumeMounts) != 1 || c.VolumeMounts[0].Name != p.Volumes[0].Name ||
			c.VolumeMounts[0].MountPath != "/sweep" {
			t.Errorf("%+v", c.VolumeMounts)
		}
		may := c.SecurityContext
		if may.AllowPrivilegeEscalation == nil || *may.AllowPrivilegeEscalation || !may.ReadOnlyRootFilesystem ||
			!slices.Equal(may.Capabilities.Drop, []string{"ALL"}) {
			t.Errorf("%+v", may)
		}
	}
	c := s.Template.Spec.Containers[0]
	if !slices.Equal(c.Args, []string{"--shard", fmt.Sprintf("kubernetes/%d", n), "--out", "/sweep"}) {
		t.Errorf("%d completions, and %v", n, c.Args)
	}
	if c.Command[0] != "rhizome" || m.Template.Spec.Containers[0].Command[0] != "rhizome" {
		t.Fatal(c.Command)
	}

	dir := t.TempDir()
	here := func(args []string) []string {
		return strings.Split(strings.ReplaceAll(strings.Join(args, "\n"), "/sweep", dir), "\n")
	}
	small := []string{"--rounds", "1", "--nodes", "2"}
	t.Setenv("JOB_COMPLETION_INDEX", "")
	want := commandtest.Run(t, append(c.Command[1:], small...)...)
	for i := range n {
		t.Setenv("JOB_COMPLETION_INDEX", fmt.Sprint(i))
		if o := commandtest.Run(t, here(slices.Concat(c.Command[1:], c.Args, small))...); o.Code != 0 {
			t.Fatalf("pod %d: %+v", i, o)
		}
	}
	if got := commandtest.Run(t, here(m.Template.Spec.Containers[0].Command[1:])...); got.Code != 0 || want.Code != 0 ||
		got.Out != want.Out {
		t.Errorf("the pods give\n%s%s\nand one process\n%s", got.Out, got.Err, want.Out)
	}
}
