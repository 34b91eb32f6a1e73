//go:build !linux

package live

import (
	"errors"
	"os/exec"
)

// endWithParent does nothing: only Linux has that.
func endWithParent(*exec.Cmd) {}

// marked says no: nothing here shows the environment of a process.
func marked(int, string) bool { return false }

// family returns nothing, as marked.
func family(string) []int { return nil }

// Disk is a small disk, which only Linux gives a process by itself.
type Disk struct{}

// NewDisk refuses.
func (w *World) NewDisk(string, int64) (*Disk, error) { return nil, errors.New("this is not Linux") }

// Seen is nowhere.
func (d *Disk) Seen() string { return "" }

// Path is nowhere.
func (d *Disk) Path() string { return "" }

// Fill refuses.
func (d *Disk) Fill() error { return errors.New("this is not Linux") }

// Free refuses.
func (d *Disk) Free() error { return errors.New("this is not Linux") }

// Do calls f.
func (d *Disk) Do(f func() error) error { return f() }
