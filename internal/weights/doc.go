// Package weights writes tensors by their names into files that other programs read: safetensors and NPZ. Equal tensors
// give equal bytes, and what is written is never in memory a second time.
package weights
