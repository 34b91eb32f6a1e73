// Package twins holds nodes against those that were restored from their snapshots beside them: fed the same from then
// on, also by clocks that go back, by restarts and by new epochs, they give the same bytes.
package twins
