package dataset

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"
)

// lines are three images as Parse wants them.
var lines = strings.Repeat(strings.Repeat("1,", digitsPixels)+"3\n", 3)

func zipOf(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, name := range names {
		w, err := z.Create(name)
		if err == nil {
			_, err = w.Write([]byte("content"))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func gzipOf(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text))
	_ = z.Close()
	return b.String()
}

func wideOf(text, mark string, high bool) string {
	var b strings.Builder
	b.WriteString(mark)
	for _, u := range utf16.Encode([]rune(text)) {
		if high {
			b.WriteByte(byte(u >> 8))
		}
		b.WriteByte(byte(u))
		if !high {
			b.WriteByte(byte(u >> 8))
		}
	}
	return b.String()
}

// TestFilesThatAreNoCSV: a file of another kind is called what it is, by its first bytes, with what would make lines of
// it.
func TestFilesThatAreNoCSV(t *testing.T) {
	for name, c := range map[string]struct{ text, kind string }{
		"gzip": {gzipOf(lines), "packed by gzip"}, "zip": {zipOf(t, "part0.csv"), "a zip archive"},
		"npz":     {zipOf(t, "x.npy", "y.npy"), "(.npz)"},
		"xlsx":    {zipOf(t, "[Content_Types].xml", "xl/workbook.xml"), "(.xlsx)"},
		"pt":      {zipOf(t, "model/data.pkl"), "PyTorch"},
		"npy":     {"\x93NUMPY\x01\x00v\x00{'descr': '<f4', 'fortran_order': False}", "(.npy)"},
		"parquet": {"PAR1\x15\x04", "Parquet"},
		"arrow":   {"ARROW1\x00\x00", "Arrow"}, "feather": {"FEA1\x00", "Feather"},
		"stream": {"\xff\xff\xff\xff\x10\x00",
			"Arrow stream"},
		"hdf5": {"\x89HDF\r\n\x1a\n\x00", "HDF5"}, "sqlite": {"SQLite format 3\x00\x10\x00", "SQLite"},
		"pickle":      {"\x80\x04\x95\x10\x00", "pickle"},
		"onnx":        {"\x08\x08\x12\x07pytorch\x1a\x03", "ONNX"},
		"safetensors": {"\x40\x00\x00\x00\x00\x00\x00\x00{\"w\":{}}", "safetensors"},
		"png":         {"\x89PNG\r\n\x1a\n\x00", "PNG"}, "jpeg": {"\xff\xd8\xff\xe0", "JPEG"}, "gif": {"GIF89a", "GIF"},
		"bmp":  {"BM\x36\x00\x00\x00", "BMP"},
		"tiff": {"II*\x00\x08", "TIFF"}, "webp": {"RIFF\x10\x00\x00\x00WEBPVP8 ", "WebP"},
		"mnist":     {"\x00\x00\x08\x03\x00\x00\xea\x60", "IDX"},
		"utf-16 le": {wideOf(lines, "\xff\xfe", false), "UTF-16"}, "utf-16 be": {wideOf(lines, "\xfe\xff", true),
			"UTF-16"},
		"utf-16 without a mark": {wideOf(lines, "", false), "UTF-16"},
		"utf-16 be without one": {wideOf(lines, "", true), "UTF-16"},
		"utf-32 le":             {"\xff\xfe\x00\x001\x00\x00\x00", "UTF-32"},
		"utf-32 be": {"\x00\x00\xfe\xff\x00\x00\x001",
			"UTF-32"},
		"zstd": {"\x28\xb5\x2f\xfd\x04", "zstd"}, "xz": {"\xfd7zXZ\x00\x00", "xz"}, "bzip2": {"BZh91AY", "bzip2"},
		"7z":  {"7z\xbc\xaf\x27\x1c\x00", "7z"},
		"tar": {strings.Repeat("\x00", 257) + "ustar\x0000", "tar"}, "xls": {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
			"(.xls)"}, "orc": {"ORC\x00\x01", "ORC"},
		"avro": {"Obj\x01\x04", "Avro"}, "json": {`{"x": 1}`, "JSON"}, "json list": {`[[1, 2]]`, "JSON"},
		"html": {"<!DOCTYPE html>", "HTML"},
		"pdf":  {"%PDF-1.7", "PDF"}, "arff": {"@relation digits\n", "ARFF"},
		"lfs":    {"version https://git-lfs.github.com/spec/v1\n", "Git LFS"},
		"matlab": {"MATLAB 5.0 MAT-file", "MATLAB"}, "other": {"abc\x00def", "binary"},
	} {
		_, err := digitsOf([]byte(c.text))
		var fe *FormatError
		if !errors.As(err, &fe) || !strings.Contains(fe.Format, c.kind) || fe.Help == "" {
			t.Errorf("%s: %v, want %q", name, err, c.kind)
		}
	}
}

// TestCSVAsPeopleHaveIt: what is no data is left out, and the images are those of the plain file.
func TestCSVAsPeopleHaveIt(t *testing.T) {
	want, err := digitsOf([]byte(lines))
	if err != nil || len(want.y) != 3 {
		t.Fatal(want, err)
	}
	names, numbers := make([]string, digitsPixels+1), make([]string, digitsPixels+1)
	for i := range names {
		names[i], numbers[i] = fmt.Sprintf("p%d", i), fmt.Sprint(i)
	}
	for name, text := range map[string]string{
		"a mark": "\ufeff" + lines, "a header": strings.Join(names, ",") + "\n" + lines,
		"a header of numbers":           strings.Join(numbers, ",") + "\r\n" + lines,
		"a quoted header behind a mark": "\ufeff\"" + strings.Join(names, `","`) + "\"\n" + lines,
		"a blank last line":             lines + "\n", "many": lines + "\n \r\n\n",
		"blanks": strings.ReplaceAll(lines, ",", ", "), "carriage returns": strings.ReplaceAll(lines, "\n", "\r\n"),
		"no last line end": strings.TrimSuffix(lines, "\n"),
	} {
		got, err := digitsOf([]byte(text))
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestCSVRefusals: what is wrong with a line is said in the words of who made it.
func TestCSVRefusals(t *testing.T) {
	first := func(field string) string { return field + strings.Repeat(",1", digitsPixels-1) + ",3\n" }
	for text, want := range map[string]string{
		strings.ReplaceAll(lines, ",", ";"):  "line 1: its fields are separated by semicolons; want commas",
		strings.ReplaceAll(lines, ",", "\t"): "line 1: its fields are separated by tabs; want commas",
		strings.ReplaceAll(lines, ",", " "):  "line 1: its fields are separated by blanks; want commas",
		lines + first("0.25"): "line 4: field 1 is 0.25: a pixel is a whole number of 0 to 16 " +
			"here; multiply pixels of 0 to 1 by 16",
		lines + first("3.0"):                        "line 4: field 1 is 3.0; want it as a whole number, 3",
		lines + first("200"):                        "divide pixels of 0 to 255 by 16",
		lines + first("-1"):                         "line 4: field 1 is -1: want a pixel of 0 to 16",
		lines + first(""):                           "line 4: field 1 is empty",
		lines + first("nan"):                        `line 4: field 1 is "nan"; want a whole number`,
		lines + first(`"3"`):                        "it is quoted",
		lines + "\n" + lines:                        "line 4: is blank",
		"0," + lines:                                "66 fields, want 65: is one of them a number of the line?",
		strings.Repeat("1,", digitsPixels) + "3,\n": "a comma stands at the end",
		strings.Repeat("1,",
			digitsPixels) + "12\n": "field 65 is 12: want a pixel of 0 to 16, or at the end a label below 10",
		"\ufeff \n":                              "the file is empty",
		"":                                       "the file is empty",
		strings.Repeat("\n", digitsRows) + "1":   "is blank",
		strings.Repeat("1\n", digitsRows+2):      "at most 262144 are taken",
		"a" + strings.Repeat(",a", digitsPixels): "no data follows",
	} {
		if _, err := digitsOf([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q", text, err, want)
		}
	}
}
