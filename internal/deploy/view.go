package deploy

import (
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/archive"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
)

// IsNode says whether a directory is that of a node which is a process of its own.
func IsNode(fsys vfs.FS, dir string) bool {
	_, err := fsys.Stat(filepath.Join(dir, recordFile))
	return err == nil
}

// View returns what nodes say of themselves in their directories, to look at their states without running them. Peers
// whose directories are not among them are called as a server knows them. It changes and locks nothing. Errors are
// those of the files, and *DirError where a node has no job yet.
func View(fsys vfs.FS, dirs ...string) (*archive.View, error) {
	var nodes []*archive.NodeView
	var recs []*Record
	for _, dir := range dirs {
		self, err := peerOf(fsys, dir)
		if err != nil {
			return nil, err
		}
		rec, err := readRecord(fsys, dir)
		if err != nil {
			return nil, err
		}
		if rec == nil {
			return nil, refuse(dir, "holds a node without a job: there is nothing yet to look at")
		}
		cfg, err := configOf(fsys, dir, rec, self)
		if err != nil {
			return nil, err
		}
		recs = append(recs, rec)
		nodes = append(nodes, &archive.NodeView{Name: filepath.Base(dir), Dir: dir, Config: cfg})
	}
	v := archive.NewView(fsys, filepath.Dir(dirs[0]), nodes...)
	for _, rec := range recs {
		if _, known := v.Peers[string(rec.Server)]; rec.Server != "" && !known {
			v.Peers[string(rec.Server)] = RoleServer
		}
		for _, m := range rec.Members {
			if _, known := v.Peers[string(m.Peer)]; !known {
				what := "client"
				if rec.Role == RolePeer || m.Place == job.EdgesPlace {
					what = map[bool]string{true: "peer", false: "edge"}[rec.Role == RolePeer]
				}
				v.Peers[string(m.Peer)] = fmt.Sprintf("%s %d", what, m.Number)
			}
		}
	}
	return v, nil
}
