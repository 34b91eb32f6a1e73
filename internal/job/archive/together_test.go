package archive

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/host/offline"
	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds/jobtest"
	"github.com/rhizome-ml/rhizome/internal/job/local"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// mixed shows one folder as it is in another file system, and its parent too for what lies in it.
type mixed struct {
	vfs.FS
	other vfs.FS
	dir   string
}

func (m mixed) of(path string) vfs.FS {
	if path = filepath.Clean(path); path == m.dir || strings.HasPrefix(path, m.dir+string(filepath.Separator)) {
		return m.other
	}
	return m.FS
}

func (m mixed) Open(name string) (vfs.File, error) { return m.of(name).Open(name) }
func (m mixed) List(dir string) ([]string, error)  { return m.of(dir).List(dir) }
func (m mixed) Stat(name string) (int64, error)    { return m.of(name).Stat(name) }

// TestTogether gives nodes as they were at different moments of one run. Those that are ahead are cut back to records
// at which none has anything that another has not sent, the others stay where they are; whole moments stay whole.
func TestTogether(t *testing.T) {
	mem := vfs.NewMem()
	var moments []*vfs.Mem
	run(t, local.Options{Dir: "run", Job: jobtest.Short(), FS: mem,
		OnRound: func(job.Round) { moments = append(moments, mem.Kill()) }})
	end := mem.Kill()
	for i, early := range moments {
		for _, behind := range []string{"server", "client-00", "client-02"} {
			fsys := mixed{end, early, filepath.Join("run", behind)}
			v, err := Look(fsys, "run")
			if err != nil {
				t.Fatal(err)
			}
			cuts, err := Together(v.Nodes...)
			if err != nil {
				t.Fatalf("round %d, %s: %v", i+1, behind, err)
			}
			all := make([]map[string]link, len(cuts))
			moved := 0
			for k, n := range v.Nodes {
				b, err := n.Restore(offline.Look{Until: cuts[k].Record})
				if err == nil {
					all[k], err = links(b.Node)
				}
				if err != nil {
					t.Fatal(err)
				}
				if cuts[k].Record < cuts[k].Node.Record {
					moved++
				}
				if n.Name == behind && cuts[k].Record != cuts[k].Node.Record && behind == "server" {
					t.Errorf("round %d: the server is behind all others and was cut from %d to %d", i+1,
						cuts[k].Node.Record, cuts[k].Record)
				}
			}
			for k, n := range v.Nodes {
				for j, other := range v.Nodes {
					if k != j && all[k][string(other.Config.Self)].beyond(all[j][string(n.Config.Self)]) {
						t.Errorf("round %d, %s behind: %s has something of %s that it has not sent", i+1, behind,
							n.Name, other.Name)
					}
				}
			}
			if moved == 0 && i+1 < len(moments) {
				t.Errorf("round %d, %s behind: nothing was cut", i+1, behind)
			}
		}
	}
	v, err := Look(end, "run")
	if err != nil {
		t.Fatal(err)
	}
	cuts, err := Together(v.Nodes...)
	if err != nil {
		t.Fatal(err)
	}
	for k, c := range cuts {
		if c.Record != c.Node.Record {
			t.Errorf("a run that stands still: %s is cut from %d to %d", v.Nodes[k].Name, c.Node.Record, c.Record)
		}
	}
}
