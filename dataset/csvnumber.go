package dataset

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// How fractions are written in a table in text.
const (
	csvPoint  = '.'
	csvComma  = ','
	csvUnsaid = '?' // a point, but for what may be thousands
)

// csvLooked is how many rows are looked at to find it out.
const csvLooked = 256

// decimals finds out how fractions are written: as the settings say, or where fields are not separated by commas, as
// the first rows show. A comma or a point before three digits shows nothing, as it may stand between thousands.
func (t *csvTable) decimals() byte {
	if d := t.settings.Decimal; d != "" {
		return d[0]
	}
	if t.comma == ',' {
		return csvPoint
	}
	commas, points := 0, 0
	for r := range min(t.index.rows, csvLooked) {
		row, err := t.find(r)
		if err != nil {
			break
		}
		fields, err := t.split(row, t.line)
		if err != nil {
			continue // which is said where it is read
		}
		for _, f := range fields {
			switch sign := csvSign(strings.TrimSpace(f)); {
			case csvGrouped(f):
			case sign == csvComma:
				commas++
			case sign == csvPoint:
				points++
			}
		}
	}
	t.at = -1
	switch {
	case commas > 0 && points == 0:
		return csvComma
	case points > 0 || t.comma != ';':
		return csvPoint
	}
	return csvUnsaid
}

// csvSign returns what stands before the fraction of a field that is a number with one; 0 for others.
func csvSign(field string) byte {
	at := strings.IndexAny(field, ",.")
	if at < 0 || len(field) > csvNumber || strings.ContainsAny(field[at+1:], ",.") {
		return 0
	}
	if _, err := strconv.ParseFloat(field[:at]+"."+field[at+1:], 64); err != nil {
		return 0
	}
	return field[at]
}

// csvGrouped says whether a field may be a whole number with one sign between thousands: 1,234 or 1.234.
func csvGrouped(field string) bool {
	field = strings.TrimLeft(strings.TrimSpace(field), "+-")
	at := strings.IndexAny(field, ",.")
	if at < 1 || at > 3 || len(field) != at+4 || field[0] == '0' {
		return false
	}
	return strings.Trim(field[:at]+field[at+1:], "0123456789") == ""
}

// csvWhole reads a whole number, also one that pandas wrote with a fraction of nothing ("3.0").
func csvWhole(field string, decimal byte, into *int64) string {
	text := field
	whole, fraction, ok := strings.Cut(field, csvSigns[decimal])
	if ok && strings.Trim(fraction, "0") == "" && fraction != "" && !(decimal == csvUnsaid && csvGrouped(field)) {
		text = whole
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if *into = n; err == nil && !strings.HasPrefix(text, "+") {
		return ""
	}
	if _, why := csvNumberOf(field, decimal); why != "" {
		return why
	}
	return fmt.Sprintf("is %.32q; want a whole number", field)
}

// csvSigns are what stands before a fraction.
var csvSigns = map[byte]string{csvPoint: ".", csvComma: ",", csvUnsaid: "."}

// csvMissing says whether a field stands for a missing value.
func csvMissing(field string) bool {
	if len(field) > len("null") { // most fields are numbers, and longer
		return false
	}
	switch strings.ToLower(field) {
	case "", "na", "n/a", "null", "none", "nan":
		return true
	}
	return false
}

// csvForeign says whether a text has a sign that Go takes in numbers and tables do not have: 1_000, 0x1p-2.
func csvForeign(text string) bool {
	for i := range len(text) {
		switch text[i] {
		case '_', 'x', 'X', 'p', 'P':
			return true
		}
	}
	return false
}

// csvNumberOf reads a number, or says what is wrong with it.
func csvNumberOf(cell string, decimal byte) (float32, string) {
	v, why := csvNumberAs(cell, decimal, 32)
	return float32(v), why
}

// csvNumberAs is csvNumberOf for numbers of so many bits.
func csvNumberAs(cell string, decimal byte, bits int) (float64, string) {
	if cell == "" {
		return 0, "is empty; want a number: samples with missing values are not read, unless missing says how"
	} else if csvMissing(cell) {
		return 0, fmt.Sprintf("is %q; want a number: samples with missing values are not read", cell)
	}
	if len(cell) > csvNumber || csvForeign(cell) {
		return 0, fmt.Sprintf("is %.32q; want a number in decimals", cell)
	}
	text := cell
	switch signs := strings.Count(cell, ",") + strings.Count(cell, "."); {
	case signs > 1 && strings.Trim(cell, "+-0123456789,.") == "":
		return 0, fmt.Sprintf("is %.32q; want a number without separators of thousands", cell)
	case decimal == csvUnsaid && csvGrouped(cell):
		return 0, fmt.Sprintf("is %.32q, which may be a fraction or thousands; set decimal to \",\" or \".\" where it is "+
			"a fraction, and write thousands without a separator", cell)
	case decimal == csvComma && strings.Contains(cell, "."):
		return 0, fmt.Sprintf("is %.32q; want a decimal comma, as the other numbers have, and no separators of thousands",
			cell)
	case decimal == csvComma:
		text = strings.Replace(cell, ",", ".", 1)
	}
	v, err := strconv.ParseFloat(text, bits)
	switch {
	case err != nil && errors.Is(err, strconv.ErrRange), err == nil && math.IsInf(v, 0):
		return 0, fmt.Sprintf("is %.32s; want a finite number that float%d holds", cell, bits)
	case err != nil && strings.Count(cell, ",") == 1:
		return 0, fmt.Sprintf("is %.32q; want a decimal point, not a comma, or the setting decimal: \",\"", cell)
	case err != nil:
		return 0, fmt.Sprintf("is %.32q; want a number", cell)
	}
	return v, ""
}
