// Package page writes what a simulation was and what came of it as one HTML page: tiles, curves, tables. The page holds
// all that it needs, asks no other host for anything, and reads well in light and dark, on a desk and on a phone.
// Without scripts it only lacks the read-out under the pointer.
//
// The package knows nothing of simulations: who calls it says what stands on the page. Equal pages give equal bytes.
package page
