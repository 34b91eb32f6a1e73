package wire

import (
	"strconv"
	"strings"
)

// OpNameBytesMax bounds the name of an op in the address of a fill.
const OpNameBytesMax = 64

// The suffix of an address says where in the receiver a fill lands: "/site/<n>" or "/component/<n>/op/<name>", where n
// is a decimal number without leading zeros and name has letters, digits and "_-.:" only.
const (
	sitePrefix      = "/site/"
	componentPrefix = "/component/"
	opPart          = "/op/"
)

// suffixSize returns the length of the fill's suffix.
func suffixSize(f *Fill) int {
	if f.Op == "" {
		return len(sitePrefix) + digits(uint64(f.Site))
	}
	return len(componentPrefix) + digits(uint64(f.Component)) + len(opPart) + len(f.Op)
}

// appendSuffix appends the fill's suffix.
func appendSuffix(dst []byte, f *Fill) []byte {
	if f.Op == "" {
		return strconv.AppendUint(append(dst, sitePrefix...), uint64(f.Site), 10)
	}
	dst = strconv.AppendInt(append(dst, componentPrefix...), int64(f.Component), 10)
	return append(append(dst, opPart...), f.Op...)
}

// checkPlace says what is wrong with a fill's place, or "".
func checkPlace(f *Fill) string {
	switch {
	case f.Op == "" && f.Component != 0:
		return "a component without an op; a fill lands at a site or at an op of a component"
	case f.Op == "":
		return ""
	case f.Site != 0:
		return "both a site and an op; a fill lands at one of them"
	case f.Component < 0:
		return "a component index is not negative"
	}
	return checkOp(f.Op)
}

// OpFault says what is wrong with s as the name of an op, or returns "".
func OpFault(s string) string { return checkOp(s) }

// checkOp says what is wrong with the name of an op, or "".
func checkOp(name string) string {
	if name == "" || len(name) > OpNameBytesMax {
		return "an op name has 1 to 64 bytes"
	}
	for i := range len(name) {
		if c := name[i]; !letterOrDigit(c) && strings.IndexByte("_-.:", c) < 0 {
			return "an op name has letters, digits and \"_-.:\" only"
		}
	}
	return ""
}

// parseSuffix reads a suffix into the place of f, or says what is wrong with it. It keeps nothing of s.
func parseSuffix(s string, f *Fill) string {
	if n, ok := strings.CutPrefix(s, sitePrefix); ok {
		x, ok := number(n, 1<<32-1)
		if !ok {
			return "want /site/<n> with a decimal number below 2^32"
		}
		f.Site = uint32(x)
		return ""
	}
	rest, ok := strings.CutPrefix(s, componentPrefix)
	n, name, ok2 := strings.Cut(rest, opPart)
	x, ok3 := number(n, 1<<31-1)
	if !ok || !ok2 || !ok3 {
		return "want /site/<n> or /component/<n>/op/<name>"
	}
	f.Component, f.Op = int32(x), strings.Clone(name)
	return checkOp(name)
}

// number reads a decimal number without sign and leading zeros, up to top.
func number(s string, top uint64) (uint64, bool) {
	if s == "" || len(s) > 10 || s[0] == '0' && len(s) > 1 {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return 0, false
		}
		n = n*10 + uint64(s[i]-'0')
	}
	return n, n <= top
}

func digits(n uint64) int {
	d := 1
	for ; n >= 10; n /= 10 {
		d++
	}
	return d
}

func letterOrDigit(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}
