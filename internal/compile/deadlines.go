package compile

import (
	"math"
	"time"

	"github.com/rhizome-ml/rhizome/internal/op"
)

// spanMax bounds every time span of a program, so that adding one to the engine's clock does not overflow.
const spanMax = math.MaxInt64 / 4

// deadlines gives edges their deadlines and checks every time span. A deadline is relative here; the engine makes it
// absolute when it is armed (trap mixed-deadline).
func (u *unit) deadlines() {
	u.each(func(f *fn, n *node) {
		if n.tensor() {
			return
		}
		for _, a := range []string{"delay", "deadline", "backoff"} {
			if n.decl.Attr(a) != nil && n.int(a) > spanMax {
				u.failAt(n, "%s is %v; want at most %v", a, time.Duration(n.int(a)), time.Duration(spanMax))
			}
		}
		if n.is(op.Flow, "Deadline") {
			u.report.did("%s in %s at %s: %v", n.name, f.name, f.place, time.Duration(n.int("delay")))
		}
	})
	for _, f := range u.parts {
		if f.period > spanMax {
			u.failAt(f.opener, "period is %v; want at most %v", time.Duration(f.period), time.Duration(spanMax))
		}
	}
	for _, e := range u.edges {
		if d := e.send.int("deadline"); d > 0 {
			u.report.did("edge %d %s: %v", e.id, e.name, time.Duration(d))
		}
	}
}
