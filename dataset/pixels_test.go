package dataset

import (
	"archive/zip"
	"fmt"
	"slices"
	"testing"
)

// TestPixelsAreTheCellsToTheBit: bytes that are read by a table are the numbers that they are cell by cell.
func TestPixelsAreTheCellsToTheBit(t *testing.T) {
	const n, w = 64, 12
	images, labels := make([]uint8, n*w), make([]int64, n)
	for i := range images {
		images[i] = uint8(i)
	}
	for i := range labels {
		labels[i] = int64(i % 3)
	}
	shape := fmt.Sprintf("(%d, 3, 4)", n)
	archive := npzBytes(zip.Store, map[string][]byte{"x": npyBytes("|u1", false, shape, images),
		"y": npyBytes("<i8", false, fmt.Sprintf("(%d,)", n), labels)})
	for name, c := range map[string]struct {
		s    FileSettings
		fast bool
	}{
		"scaled":     {FileSettings{}, true},
		"as it is":   {FileSettings{Scale: 1}, true},
		"moved":      {FileSettings{Shift: []float64{33.3}, Divide: []float64{7.7}}, true},
		"each place": {FileSettings{Shift: []float64{1, 2, 3}, Divide: []float64{3, 5, 7}}, false},
	} {
		opened, err := opened(t, map[string][]byte{"a": archive}, "a", c.s)
		if err != nil {
			t.Fatal(name, err)
		}
		f := opened.fileSource
		f.kept = nil
		if (f.pixels != nil) != c.fast {
			t.Errorf("%s: read by a table: %v", name, f.pixels != nil)
		}
		for _, rows := range [][]int{{}, {5}, {63, 0, 7, 8, 9, 3, 3, 62}, all(n)} {
			fast, slow := f.schema.Batch(len(rows)), f.schema.Batch(len(rows))
			err := f.Read(rows, fast)
			by := f.pixels
			f.pixels = nil
			if e := f.Read(rows, slow); err != nil || e != nil {
				t.Fatal(name, err, e)
			}
			f.pixels = by
			if !slices.Equal(fast.Features.Float32, slow.Features.Float32) ||
				!slices.Equal(fast.Labels.Int64, slow.Labels.Int64) || len(fast.Features.Float32) != len(rows)*w {
				t.Errorf("%s, rows %v: %v and %v", name, rows, fast, slow)
			}
			alone := Batch{Labels: f.schema.Batch(len(rows)).Labels}
			if err := f.Read(rows, alone); err != nil || !slices.Equal(alone.Labels.Int64, slow.Labels.Int64) {
				t.Errorf("%s: labels alone: %v, %v", name, alone, err)
			}
			alone = Batch{Features: f.schema.Batch(len(rows)).Features}
			if err := f.Read(rows, alone); err != nil ||
				!slices.Equal(alone.Features.Float32, slow.Features.Float32) {
				t.Errorf("%s: features alone: %v, %v", name, alone, err)
			}
		}
	}
}
