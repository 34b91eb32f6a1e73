// Package testdata holds what each release wrote, so that the proofs have it wherever they run.
package testdata

import "embed"

// Files has a folder format<N> for each format of the journal and its snapshots, newest last.
//
//go:embed format*
var Files embed.FS
