// Package types says what is known of a value before it exists: what a port of a component takes and gives, what an
// edge carries, what the host passes to an input. An author writes them where a program meets what it cannot look into.
//
// A type may know little: Any says nothing, Tensor says that it is a tensor, Tensors its element type and shape. Fits
// tells whether a value may reach a port, and where nothing is known nothing speaks against it. In text, as in models
// and messages, a type is written as Int, List[Peer*] or float32[?,10]; Parse reads it.
//
// Types are values, immutable by convention and safe for concurrent use.
package types
