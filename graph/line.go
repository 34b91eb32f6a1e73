package graph

import (
	"path"
	"runtime"
	"strconv"
	"strings"
)

// own is the prefix of the functions of this package in a stack.
const own = "github.com/rhizome-ml/rhizome/graph."

// caller returns the author's line that is being recorded: the first frame outside of this package, or in a test of it.
// Only the last folder and the file are named, so that an artifact does not depend on where it was built.
func caller() string {
	var pcs [32]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, own) || strings.HasSuffix(f.File, "_test.go") {
			file := strings.ReplaceAll(f.File, "\\", "/")
			return path.Join(path.Base(path.Dir(file)), path.Base(file)) + ":" + strconv.Itoa(f.Line)
		}
		if !more {
			return "unknown:0"
		}
	}
}
