package kernel

import (
	"math"
	"slices"
)

// A table of rows that is zero but for the rows that some indices name, as the gradient of an embedding is, is held as
// these rows: at begins with how many there are, and has the numbers of them behind it, ascending; their elements stand
// one after the other. Row k of the table is the sum, from zero, of the updates whose index is k, in their order.

// SparseLen is the length of the list of rows for n indices.
func SparseLen(n int) int { return n + 1 }

// SumRows adds up the updates by row of a table that has so many. sums holds as many rows as there are updates, or as
// the table has, whichever is less. An index may count from the end.
func SumRows(add *Rows[float32, float32], at []int64, sums, updates []float32, indices []int64, rows, inner int) error {
	keys := at[1 : 1+len(indices)]
	for p, i := range indices {
		k, err := place(p, i, rows)
		if err != nil {
			return err
		}
		keys[p] = int64(k)<<32 | int64(p)
	}
	slices.Sort(keys) // of one row the first update comes first
	n := 0
	for _, key := range keys {
		k, p := key>>32, int(key&(1<<32-1))
		from := updates[p*inner : (p+1)*inner]
		if n > 0 && at[n] == k {
			to := sums[(n-1)*inner : n*inner]
			add.VV(to, to, from)
			continue
		}
		add.VS(sums[n*inner:(n+1)*inner], from, 0)
		n++
		at[n] = k // at or before the key that was just read
	}
	at[0] = int64(n)
	return nil
}

// AddRows writes the table itself: zeros, to which each update is added at the row of its index, in order.
func AddRows(add *Rows[float32, float32], dst, updates []float32, indices []int64, rows, inner int) error {
	clear(dst)
	for p, i := range indices {
		k, err := place(p, i, rows)
		if err != nil {
			return err
		}
		to := dst[k*inner : (k+1)*inner]
		add.VV(to, to, updates[p*inner:(p+1)*inner])
	}
	return nil
}

// SumSquareRows is the sum of the squares of all elements of the table, from zero and in order: the rows that are zero
// add nothing to it.
func SumSquareRows(at []int64, sums []float32, inner int) float64 {
	var sum float64
	for _, x := range sums[:int(at[0])*inner] {
		sum += float64(float64(x) * float64(x))
	}
	return sum
}

// copyBlock is how many elements are copied at once: 16 KiB.
const copyBlock = 4 << 10

// SubRows writes x less the table, whose elements are multiplied by the factors, one after the other, each product
// rounded. Where zero times the factors is positive zero, x less it is x, and a row that no index names is copied.
// Every NaN that is written is the canonical one. dst may be x itself. scratch holds a row.
func SubRows(s *Set, dst, x []float32, at []int64, sums, scratch, factors []float32, inner int) {
	var zero float32
	for _, f := range factors {
		zero = float32(zero * f)
	}
	named := at[1 : 1+int(at[0])]
	if math.Float32bits(zero) != 0 {
		next := 0
		for k := range len(x) / max(inner, 1) {
			if next < len(named) && named[next] == int64(k) {
				next++
				continue
			}
			to := dst[k*inner : (k+1)*inner]
			s.Sub.VS(to, x[k*inner:(k+1)*inner], zero)
			s.CanonicalNaN(to)
		}
	} else {
		for lo := 0; lo < len(x); lo += copyBlock {
			to := dst[lo:min(lo+copyBlock, len(x))]
			copy(to, x[lo:])
			s.CanonicalNaN(to) // while it is in the cache
		}
	}
	for i, k := range named {
		row := sums[i*inner : (i+1)*inner]
		for _, f := range factors {
			s.Mul.VS(scratch[:inner], row, f)
			row = scratch[:inner]
		}
		to := dst[int(k)*inner : int(k+1)*inner]
		s.Sub.VV(to, x[int(k)*inner:int(k+1)*inner], row)
		s.CanonicalNaN(to)
	}
}
