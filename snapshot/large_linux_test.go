//go:build amd64 || arm64

package snapshot

import (
	"syscall"
	"testing"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// TestNoWallAtTwoGiB: a message beyond 2 GiB is encoded in parts and read back; so is a list of that size within a
// list, and a run of numbers beyond what lists may have (C10).
func TestNoWallAtTwoGiB(t *testing.T) {
	var info syscall.Sysinfo_t
	if testing.Short() {
		t.Skip("it takes some GiB and is run in full by the plain test run")
	}
	if err := syscall.Sysinfo(&info); err != nil || info.Freeram*uint64(info.Unit) < 4<<30 {
		t.Skip("A MESSAGE BEYOND 2 GiB IS NOT TRIED HERE: that takes 4 GiB of free memory")
	}
	type message struct {
		Before string      `snap:"1"`
		Value  value.Value `snap:"2"`
		Words  Words       `snap:"3"`
		After  string      `snap:"4"`
	}
	const each, count = 64 << 20, 33
	x, _, err := tensor.NewFloat32([]int{each / 4})
	if err != nil {
		t.Fatal(err)
	}
	items := make([]value.Value, count)
	for i := range items {
		items[i] = value.Tensor{Tensor: x}
	}
	in := message{"before", value.NewList(value.NewList(items...), value.Int(7)), NewWords(1 << 20), "after"}
	reg := value.NewRegistry()
	parts, err := Split(reg, &in)
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, p := range parts {
		size += len(p.Bytes)
		if p.Large != nil {
			size += p.Large.Len()
		}
	}
	if n, err := Check(reg, &in, DefaultLimits()); err != nil || n != size || size <= 2<<30 {
		t.Fatalf("%v: %d bytes, in parts %d", err, n, size)
	}
	b, err := syscall.Mmap(-1, 0, size, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
	if err != nil {
		t.Skip("A MESSAGE BEYOND 2 GiB IS NOT TRIED HERE: ", err)
	}
	defer syscall.Munmap(b)
	at := 0
	for _, p := range parts {
		at += copy(b[at:], p.Bytes)
		if p.Large != nil {
			at += p.Large.Len() // zeros
		}
	}
	var out message
	lim := DefaultLimits()
	lim.Items = 1000 // the run of numbers is bounded by its bytes
	if err := UnmarshalOwn(b, &out, reg, lim); err != nil {
		t.Fatal(err)
	}
	got := out.Value.(*value.List)
	list := got.At(0).(*value.List)
	if out.Before != "before" || out.After != "after" || out.Words.Len() != 1<<20 || got.At(1) != value.Int(7) ||
		list.Len() != count || list.At(count-1).(value.Tensor).Len() != each/4 {
		t.Errorf("another message came back: %d items", list.Len())
	}
	lim.Bytes = size - 1
	if _, err := Check(reg, &in, lim); err == nil {
		t.Error("a message beyond the limit is taken")
	}
}
