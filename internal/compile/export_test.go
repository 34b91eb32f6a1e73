package compile

import "github.com/rhizome-ml/rhizome/internal/onnx"

// Looked runs the passes of a model to the one that infers, and says how many ops there are and how often it looked at
// one; ops is 0 where a pass before it refuses the model.
func Looked(m *onnx.ModelProto, opt Options) (ops, looks int) {
	u := &unit{catalogue: opt.Catalogue, source: m, report: &Report{}}
	for _, p := range passes[:3] {
		if len(u.errs) > 0 {
			return 0, 0
		}
		u.pass = p.name
		u.report.Passes = append(u.report.Passes, PassReport{Pass: p.name})
		p.run(u)
	}
	u.each(func(*fn, *node) { ops++ })
	return ops, stepsPerOp*(ops+64) - u.left
}
