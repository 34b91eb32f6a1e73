// Package laws holds the laws of the tree as tests: which package may import which, what the pure packages may not use,
// and that every package says what it is. It has no code of its own.
package laws
