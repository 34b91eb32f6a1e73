package engine

import (
	"reflect"
	"unsafe"
)

// reflectValue reads an unexported field as its type; v must be addressable or hold a pointer.
func reflectValue[T any](v reflect.Value) T {
	p := v.Pointer()
	return *(*T)(unsafe.Pointer(&p))
}
