package fuzzing

import (
	"encoding/json"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

// Environment is the variable that holds an Order as JSON.
const Environment = "RHIZOME_FUZZ"

// Order is what a process is to do.
type Order struct {
	Target string // name of the Fuzz function
	Seed   uint64
	Tries  int
	Corpus string // a folder: what others have kept is read from it, and what is found is written to it
	Name   string // of the file that is written
}

// Report is what a process says at its end, as one line behind ReportMark.
type Report struct {
	Tries   int
	Corpus  int     // inputs that are kept
	Found   int     // of those, by this process
	Covered float64 // share of the counted statements
	Failure string  // what did not hold, with the input
}

// ReportMark begins the line of a Report.
const ReportMark = "rhizome-fuzz: "

// Allowance is the memory that trying an input of n bytes may take in all, unless a target says otherwise: decoding it,
// and whatever the target does to check what came of it.
func Allowance(n int) int { return 4<<20 + 2048*n }

// Run fuzzes a target: fn takes a *testing.T and then arguments of the types []byte, string and bool.
func Run(f *testing.F, fn any) { RunWithin(f, Allowance, fn) }

// RunWithin is Run for a target that may take other amounts of memory.
func RunWithin(f *testing.F, allowance func(n int) int, fn any) {
	f.Helper()
	text := os.Getenv(Environment)
	if text == "" {
		f.Fuzz(fn)
		return
	}
	var o Order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		f.Fatal(err)
	}
	call := reflect.ValueOf(fn)
	l := &loop{order: o, call: call, allowance: allowance}
	for i := 1; i < call.Type().NumIn(); i++ {
		l.types = append(l.types, call.Type().In(i))
	}
	// The seeds of the target are collected, not tried.
	f.Fuzz(reflect.MakeFunc(call.Type(), func(args []reflect.Value) []reflect.Value {
		in := input{}
		for _, a := range args[1:] {
			in = append(in, bytesOf(a))
		}
		l.seeds = append(l.seeds, in)
		return nil
	}).Interface())
	if name, _, _ := strings.Cut(f.Name(), "/"); name != o.Target {
		return
	}
	r := l.run()
	line, err := json.Marshal(r)
	if err != nil {
		f.Fatal(err)
	}
	fmt.Printf("\n%s%s\n", ReportMark, line)
	if r.Failure != "" {
		f.Fatal("see the report")
	}
}

// input is the arguments of one try.
type input [][]byte

func (in input) size() (n int) {
	for _, a := range in {
		n += len(a)
	}
	return n
}

// String writes the input as a file of go test -fuzz, but for the types.
func (in input) String() string {
	var b strings.Builder
	for _, a := range in {
		fmt.Fprintf(&b, "%q\n", a)
	}
	return b.String()
}

func bytesOf(v reflect.Value) []byte {
	switch v.Kind() {
	case reflect.Bool:
		if v.Bool() {
			return []byte{1}
		}
		return []byte{0}
	case reflect.String:
		return []byte(v.String())
	}
	return append([]byte(nil), v.Bytes()...)
}

func valueOf(t reflect.Type, b []byte) reflect.Value {
	switch t.Kind() {
	case reflect.Bool:
		return reflect.ValueOf(len(b) > 0 && b[0]&1 == 1)
	case reflect.String:
		return reflect.ValueOf(string(b))
	}
	return reflect.ValueOf(append(make([]byte, 0, len(b)), b...))
}
