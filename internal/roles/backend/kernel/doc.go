// Package kernel holds the numeric loops of the CPU backend, on plain slices.
//
// Every function here gives the same bits on every machine. Three rules make that so:
//
//  1. A product that is then added is rounded first: float32(x*y) or float64(x*y). Without the conversion Go may fuse
//     the two operations into one rounding, and does so on some architectures and not on others. Matrix products and
//     convolutions by the rules Fused are the exception: there each is one fused operation, written FMA, which
//     processors have and which FMA32 computes exactly where they have not. Artifacts of before go on by the rules
//     Rounded.
//  2. A sum has one order, written at the function: from zero, one term after another, in row-major order of its terms.
//     A reduction of float32 values is taken in float64 and rounded once at its end; by the rules Fused a sum takes the
//     terms that stand side by side by lanes: see LaneSum. The one exception is the matrix product, which adds float32
//     products in float32 because that is what vector units do: see Gemm.
//  3. exp, log and tanh come from package internal/fmath, never from package math, whose assembly differs between
//     architectures; their vector forms do the same operations in the same order. Square root is exact everywhere
//     (IEEE 754) and comes from math.
//
// The one thing that machines do not agree on is the payload of a NaN. No loop here lets a payload influence anything
// but another payload, and CanonicalNaN replaces them all by one before a tensor leaves a plan; Bits, which shows them
// as integers, does the same.
//
// The paths are the scalar loops and the vector loops of amd64 (AVX2, and with it AVX-512, by which products and
// convolutions are computed, all else by AVX2) and arm64 (NEON), each on one thread and more. That a processor has is
// taken; GODEBUG=cpu.avx512f=off or cpu.avx2=off in the environment of a process leaves it out, the build tag purego
// leaves out all. The tiles of AVX-512 are proven on an emulated machine (.ci/avx512). On every path:
//
//	value or shape    what comes out
//	denormal          a number as any other, in and out: no path flushes it to zero
//	zero              keeps its sign as IEEE 754 says; Relu leaves -0 as it is, a sum from zero ends at +0
//	infinity          as IEEE 754 says; Inf-Inf, 0·Inf and their like are NaN
//	NaN in            NaN out; Relu and its like keep it, ReluGrad gives 0 where x is NaN, a maximum is NaN
//	NaN leaves        0x7fc00000, of float64 0x7ff8000000000000, of float16 0x7e00, of bfloat16 0x7fc0
//	no terms          a sum is +0, a product 1, a maximum what no element is below, a mean NaN
//	no elements       nothing is read or written
//	stride of zero    an operand that repeats gives what its copies would
//
// FuzzPaths holds the paths against each other, TestEdgeBits of package backend pins the bits.
//
// All functions are safe for concurrent use on disjoint outputs. Where a comment allows it the output may be the very
// same slice as an input; partial overlap is never allowed. Sizes are the caller's duty: a plan has proved them.
package kernel
