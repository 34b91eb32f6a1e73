//go:build !race

package backend

const poolKeeps = true
