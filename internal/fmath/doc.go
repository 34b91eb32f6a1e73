// Package fmath holds elementary functions of float64 that give the same bits
// on every machine.
//
// The standard library's versions do not: several architectures replace them
// by assembly with other roundings. Here all is plain Go with every product
// rounded explicitly, float64(x*y), because a compiler may otherwise fuse
// x*y + z into one rounding (trap fused-product). Sums of a polynomial are taken in a
// fixed order written in the source.
//
// Errors are below 1 ulp for Exp and Log (1.5 where Exp is subnormal), 2 ulp for
// Tanh and 3 ulp for Sigmoid, as the tests measure. Erf and the trigonometric and
// hyperbolic functions are those of the Go standard library with each product
// rounded: within 2 ulp, Tan 4; of arguments above 10^7 within 2^-51. For square
// roots use math.Sqrt, which IEEE 754 makes exact everywhere. All functions are
// safe for concurrent use.
//
// A NaN that a function returns is always that of math.NaN, whichever NaN came in
// and wherever its domain ends: what arithmetic makes of a NaN, or makes for want
// of a number, has other bits on other machines.
package fmath
