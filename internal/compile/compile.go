package compile

import (
	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
)

// Options are the settings of a compilation.
type Options struct {
	// what the program may use beside the methods that its slots bring; nil means the standard one
	Catalogue *op.Catalogue
}

// Artifact is a compiled program.
type Artifact struct {
	Model  *onnx.ModelProto // read-only
	Digest [32]byte         // over everything that matters in it
}

// passes are the passes in their order.
var passes = []struct {
	name string
	run  func(*unit)
}{
	{"validate", (*unit).validate},
	{"expand", (*unit).expand},
	{"infer", (*unit).infer},
	{"place", (*unit).placeOps},
	{"gradients", (*unit).gradients},
	{"cut", (*unit).cut},
	{"bind", (*unit).bind},
	{"fuse", (*unit).fuse},
	{"codecs", (*unit).codecs},
	{"edges", (*unit).planEdges},
	{"deadlines", (*unit).deadlines},
	{"seal", (*unit).seal},
}

// Compile makes an artifact of a choreography, as graph.Graph.Model returns it, and reports what each pass did. The
// model may come from anywhere and is not changed. The error is of type Errors and holds all that the first failing
// pass found.
func Compile(model *onnx.ModelProto, opt Options) (*Artifact, *Report, error) {
	u := &unit{catalogue: opt.Catalogue, source: model, report: &Report{}}
	if u.catalogue == nil {
		u.catalogue = op.Standard()
	}
	for _, p := range passes {
		u.pass = p.name
		u.report.Passes = append(u.report.Passes, PassReport{Pass: p.name, Did: []string{}})
		p.run(u)
		if len(u.errs) > 0 {
			return nil, u.report, u.errs
		}
	}
	return &Artifact{Model: u.made, Digest: u.report.digest}, u.report, nil
}
