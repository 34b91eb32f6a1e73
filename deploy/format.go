package deploy

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"github.com/rhizome-ml/rhizome/component/data/digits"
	"github.com/rhizome-ml/rhizome/deploy/exchange"
	"github.com/rhizome-ml/rhizome/job"
	"github.com/rhizome-ml/rhizome/job/kinds/federated"
)

// kinds are files that people take for data, by what they begin with.
var kinds = []struct{ begins, what string }{
	{"\x1f\x8b", "a gzip file: unpack it first (gunzip)"},
	{"BZh", "a bzip2 file: unpack it first"},
	{"\xfd7zXZ\x00", "an xz file: unpack it first"},
	{"\x28\xb5\x2f\xfd", "a zstd file: unpack it first"},
	{"\x93NUMPY", "a NumPy array (.npy)"},
	{"PK\x03\x04", "a zip archive: a NumPy .npz, an Excel .xlsx, or files packed together"},
	{"PAR1", "a Parquet file"},
	{"ARROW1", "an Arrow file"},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file"},
	{"SQLite format 3\x00", "an SQLite database"},
	{"\x89PNG", "a PNG image"},
	{"\xff\xd8\xff", "a JPEG image"},
	{"%PDF", "a PDF file"},
	{"\x80\x04\x95", "a Python pickle"},
	{"\xff\xfe", "text in UTF-16: save it as UTF-8"},
	{"\xfe\xff", "text in UTF-16: save it as UTF-8"},
	{"\xef\xbb\xbf", "text with a byte order mark: save it as UTF-8 without one"},
	{"{", "JSON"},
	{"<", "HTML or XML"},
}

// recognise says what a data file is where its first bytes tell that it is none of rows, or "".
func recognise(b []byte) string {
	for _, k := range kinds {
		if bytes.HasPrefix(b, []byte(k.begins)) {
			return k.what
		}
	}
	line, _, _ := bytes.Cut(b[:min(len(b), 4096)], []byte("\n"))
	fields := bytes.Split(bytes.TrimSuffix(line, []byte("\r")), []byte(","))
	switch {
	case bytes.IndexByte(line, 0) >= 0:
		return "no text"
	case len(fields) == 1 && bytes.Count(line, []byte(";")) > 1:
		return "separated by semicolons: separate the fields by commas"
	case len(fields) == 1 && bytes.Count(line, []byte("\t")) > 1:
		return "separated by tabs: separate the fields by commas"
	case len(fields) == digits.Pixels+1 && headed(fields):
		return "a table whose first line names its columns: leave that line out"
	}
	return ""
}

// headed says whether fields are names and no numbers.
func headed(fields [][]byte) bool {
	for _, f := range fields {
		if _, err := strconv.ParseFloat(string(bytes.Trim(f, `" `)), 64); err == nil {
			return false
		}
	}
	return true
}

// checkRows checks that a file is one of rows, every line of it.
func checkRows(path string, b []byte) error {
	if what := recognise(b); what != "" {
		return &DataError{path, fmt.Errorf("is %s; want lines of %d pixels of 0 to 16 and a digit, separated by commas", what, digits.Pixels)}
	}
	_, _, err := digits.Parse(b)
	if err != nil {
		return &DataError{path, err}
	}
	return nil
}

// digitsSchema is what files of digits hold: their columns have no names of their own.
func digitsSchema() *exchange.Schema {
	var columns, classes []string
	for i := range digits.Pixels {
		columns = append(columns, "pixel"+strconv.Itoa(i))
	}
	for i := range digits.Classes {
		classes = append(classes, strconv.Itoa(i))
	}
	return exchange.SchemaOf(columns, classes)
}

// schemaOf returns what the data of a job's clients is, or nil where they bring none.
func schemaOf(c federated.Config) *exchange.Schema {
	if c.Data == job.DataDigits {
		return digitsSchema()
	}
	return nil
}

// ErrDeclined says that the operator was asked and did not let the program run. Nothing of it was kept.
var ErrDeclined = errors.New("deploy: declined")
