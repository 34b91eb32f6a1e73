// Package planted holds bugs that somebody could have written, to show that the bench finds such bugs. The tree itself
// has none of them: each is a patch in the folder bugs, as git diff writes it, below a line that says what it breaks.
//
// Overlay makes of all patches one build, in which the environment variable RHIZOME_PLANTED switches one bug on when
// the process starts. A patched function stands in it twice: as it is in the tree, and with the patch, under a name of
// its own. The first line of the one in the tree calls the other when its bug is on:
//
//	func (e *Engine) collect(f *frame) { if planted__.On("slot-leak") { e.collect__slot_leak(f); return }
//
// The files that are made so lie in a folder of their own, and go build, go test and go vet take them by -overlay in
// the place of those of the tree. A patch whose lines are not in the tree any more is an error, so code that moves
// takes its bugs with it.
package planted
