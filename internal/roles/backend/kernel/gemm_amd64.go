//go:build amd64 && !purego

package kernel

import "golang.org/x/sys/cpu"

// haveVector says whether this machine runs the vector kernels, haveFused those that fuse, and haveWide the tiles of
// registers twice as wide, which the system has to keep, too.
var (
	haveVector = cpu.X86.HasAVX2
	haveFused  = cpu.X86.HasAVX2 && cpu.X86.HasFMA
	haveWide   = haveFused && cpu.X86.HasAVX512F
)

//go:noescape
func rounded6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func rounded4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func fused6x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func fused4x16(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, rows, acc int)

//go:noescape
func roundedMany(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	tiles, acc int)

//go:noescape
func fusedMany(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	tiles, acc int)

//go:noescape
func roundedKeep(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int,
	keep *float32)

//go:noescape
func fusedKeep(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int,
	keep *float32)

//go:noescape
func rounded6x16wide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	rows, acc int)

//go:noescape
func fused6x16wide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	rows, acc int)

//go:noescape
func roundedManyWide(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	tiles, acc int)

//go:noescape
func fusedManyWide(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr,
	tiles, acc int)

//go:noescape
func roundedKeepWide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int,
	keep *float32)

//go:noescape
func fusedKeepWide(k int, a *float32, rowA, colA uintptr, b *float32, ldb uintptr, c *float32, ldc uintptr, acc int,
	keep *float32)

//go:noescape
func roundedPair(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb, panelB uintptr, c *float32, ldc uintptr,
	tiles, acc int)

//go:noescape
func fusedPair(k int, a *float32, rowA, colA, stepA uintptr, b *float32, ldb, panelB uintptr, c *float32, ldc uintptr,
	tiles, acc int)
