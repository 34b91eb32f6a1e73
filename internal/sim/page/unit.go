package page

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unit says how the values of a chart are written.
type Unit string

// The units.
const (
	Number  Unit = "number"
	Count   Unit = "count"   // whole numbers
	Percent Unit = "percent" // a share, 0 to 1
	Bytes   Unit = "bytes"
)

// ticks returns about four round values that cover lo to hi.
func (u Unit) ticks(lo, hi float64) []float64 {
	scale := 1.0
	if u == Bytes {
		for hi/scale >= 1024 {
			scale *= 1024
		}
	}
	step := roundStep((hi-lo)/scale/4) * scale
	if u == Count {
		step = max(step, 1)
	}
	var out []float64
	for k := math.Floor(lo/step + 1e-9); ; k++ {
		out = append(out, k*step)
		if k*step >= hi-step*1e-9 {
			return out
		}
	}
}

// roundStep returns 1, 2 or 5 times a power of ten, at least x.
func roundStep(x float64) float64 {
	if !(x > 0) {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(x)))
	for _, m := range []float64{1, 2, 5, 10} {
		if m*power >= x*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// text writes a value at an axis, with at most so many figures.
func (u Unit) text(v float64, figures int) string {
	plain := func(v float64) string { return plain(v, figures) }
	switch u {
	case Percent:
		return plain(100*v) + " %"
	case Bytes:
		for _, name := range []string{"B", "KiB", "MiB", "GiB", "TiB"} {
			if math.Abs(v) < 1024 || name == "TiB" {
				return plain(v) + " " + name
			}
			v /= 1024
		}
	}
	for _, k := range []struct {
		at   float64
		name string
	}{{1e9, " G"}, {1e6, " M"}, {1e4, " k"}} {
		if math.Abs(v) >= k.at {
			if k.name == " k" {
				return plain(v/1e3) + k.name
			}
			return plain(v/k.at) + k.name
		}
	}
	return plain(v)
}

// plain writes a number with at most so many figures before and behind the point.
func plain(v float64, figures int) string {
	s := strconv.FormatFloat(v, 'g', figures, 64)
	if !strings.Contains(s, "e") {
		return s
	}
	if math.Abs(v) >= 1 {
		return strconv.FormatFloat(v, 'f', 0, 64)
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

// timeSteps are the distances between two times at an axis, in seconds; beyond them, days.
var timeSteps = []float64{
	.001, .002, .005, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800,
	21600, 43200, 86400,
}

// timeTicks returns four to eight round times from 0 to the end.
func timeTicks(end float64) (out []float64) {
	step := 86400 * roundStep(end/86400/6)
	for _, s := range timeSteps {
		if end/s <= 6 {
			step = s
			break
		}
	}
	for k := 0.0; k*step <= end*(1+1e-9); k++ {
		out = append(out, k*step)
	}
	return out
}

// timeText writes a time at an axis that ends at end.
func timeText(t, end float64) string {
	switch {
	case end >= 3*86400:
		return plain(t/86400, 4) + " d"
	case end >= 3*3600:
		return plain(t/3600, 4) + " h"
	case end >= 180:
		return plain(t/60, 4) + " min"
	case end >= 3:
		return plain(t, 4) + " s"
	}
	return fmt.Sprintf("%s ms", plain(t*1000, 4))
}
