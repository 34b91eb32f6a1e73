package deploy

import "github.com/rhizome-ml/rhizome/internal/clean"

// cleanly returns what tells the same with the texts of peers made fit for a terminal: reasons that came over a link,
// and warnings that hold them. All that a node tells passes through it.
func cleanly(tell func(any)) func(any) {
	return func(what any) {
		switch x := what.(type) {
		case Linked:
			x.Remote, x.Reason = clean.Line(x.Remote), clean.Line(x.Reason)
			what = x
		case News:
			x.Reason = clean.Line(x.Reason)
			what = x
		case Warning:
			x.Text = clean.Line(x.Text)
			what = x
		}
		tell(what)
	}
}
