package kernel

import "math"

// Convert writes every element in another number type. Between floats it rounds to nearest; integers wrap; a float
// becomes the integer next to it towards zero, the nearest that there is when it lies outside of the type, and 0 when
// it is NaN (Go leaves both to the machine).
func Convert[D, S Number](dst []D, src []S) {
	dst = dst[:len(src)]
	lo, hi, whole := limits[D]()
	var s S
	switch any(s).(type) {
	case float32, float64:
		if whole {
			for i, x := range src {
				dst[i] = D(truncate(float64(x), lo, hi))
			}
			return
		}
	}
	for i, x := range src {
		dst[i] = D(x)
	}
}

// ToBool writes whether elements are not 0.
func ToBool[S Number](dst []bool, src []S) {
	for i, x := range src {
		dst[i] = x != 0
	}
}

// FromBool writes 1 for true and 0 for false.
func FromBool[D Number](dst []D, src []bool) {
	for i, x := range src {
		dst[i] = 0
		if x {
			dst[i] = 1
		}
	}
}

// limits returns the least and the greatest value of an integer type, and whether the type is one.
func limits[D Number]() (lo, hi int64, whole bool) {
	var d D
	switch any(d).(type) {
	case int64:
		return math.MinInt64, math.MaxInt64, true
	case int32:
		return math.MinInt32, math.MaxInt32, true
	case uint8:
		return 0, math.MaxUint8, true
	case int8:
		return math.MinInt8, math.MaxInt8, true
	}
	return 0, 0, false
}

// truncate rounds x towards zero into [lo, hi]; NaN becomes 0.
func truncate(x float64, lo, hi int64) int64 {
	switch {
	case x != x:
		return 0
	case x <= float64(lo):
		return lo
	case x >= float64(hi): // for the greatest int64 that is 2^63, which no int64 holds
		return hi
	}
	return int64(x)
}
