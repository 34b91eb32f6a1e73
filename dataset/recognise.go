package dataset

import (
	"bytes"
	"encoding/binary"
)

// FormatError says that a file is of another format than lines of numbers, which its first bytes tell.
type FormatError struct {
	Format string // what it is
	Help   string // what would make lines of numbers of it
}

// Error names the format and what would help.
func (e *FormatError) Error() string {
	return "it is " + e.Format + ", not lines of numbers: " + e.Help
}

// What helps against a kind of file.
const (
	unpack  = "unpack it first"
	savetxt = "write it as text (numpy.savetxt with delimiter=',')"
	saveCSV = "save it as CSV, separated by commas"
	recode  = "save it as UTF-8 (or plain ASCII)"
	toRows  = "" // what the reader wants
)

// notUTF8 says what is wrong with a text of another encoding: no job could name it to another machine.
const notUTF8 = "is no text in UTF-8; " + recode

// formats are the kinds of files that people have, by their first bytes: the longer ones before those that they begin
// with.
var formats = []struct {
	magic string
	kind  string
	help  string
}{
	{"\x1f\x8b", "packed by gzip", unpack + " (gunzip)"},
	{"\x28\xb5\x2f\xfd", "packed by zstd", unpack + " (unzstd)"},
	{"\xfd7zXZ\x00", "packed by xz", unpack + " (unxz)"},
	{"BZh", "packed by bzip2", unpack + " (bunzip2)"},
	{"\x04\x22\x4d\x18", "packed by lz4", unpack + " (unlz4)"},
	{"7z\xbc\xaf\x27\x1c", "a 7z archive", unpack},
	{"\x93NUMPY", "a NumPy array (.npy)", savetxt},
	{"PAR1", "a Parquet file", toRows},
	{"ARROW1", "an Arrow file (or Feather)", toRows},
	{"FEA1", "a Feather file of version 1", "write version 2, as to_feather of pandas does"},
	{"\xff\xff\xff\xff", "an Arrow stream", toRows},
	{"Obj\x01", "an Avro file", toRows},
	{"\x89HDF\r\n\x1a\n", "an HDF5 file (.h5, .hdf5)", toRows},
	{"SQLite format 3\x00", "an SQLite database", saveCSV},
	{"MATLAB 5.0", "a MATLAB file (.mat)", toRows},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Office file (.xls)", saveCSV},
	{"\xff\xfe\x00\x00", "a text in UTF-32", recode},
	{"\x00\x00\xfe\xff", "a text in UTF-32", recode},
	{"\xff\xfe", "a text in UTF-16", recode},
	{"\xfe\xff", "a text in UTF-16", recode},
	{"\x89PNG\r\n\x1a\n", "an image (PNG)", toRows},
	{"\xff\xd8\xff", "an image (JPEG)", toRows},
	{"GIF8", "an image (GIF)", toRows},
	{"II*\x00", "an image (TIFF)", toRows},
	{"MM\x00*", "an image (TIFF)", toRows},
	{"\x00\x00\x08\x03", "an IDX file of images, as MNIST has them", toRows},
	{"\x00\x00\x08\x01", "an IDX file of labels, as MNIST has them", toRows},
	{"%PDF-", "a PDF", toRows},
	{"<", "HTML or XML, perhaps a page in the place of the file", "fetch the file itself"},
	{"{", "JSON", toRows},
	{"[", "JSON", toRows},
	{"@relation", "an ARFF file", "take its header off, up to and with @data"},
	{"version https://git-lfs", "a pointer of Git LFS in the place of the file",
		"fetch the file itself (git lfs pull)"},
}

// looked bounds how much of a file is looked at for its kind.
const looked = 64 << 10

// noText returns what a file is that is not one of lines, as a *FormatError, or nil where it may be one. Help says what
// would make lines of it, where nothing better is known.
func noText(b []byte, help string) error {
	err, ok := recognise(b).(*FormatError)
	if !ok {
		return nil
	}
	if err.Help == toRows {
		err.Help = help
	}
	return err
}

// recognise returns what a file is by its first bytes, as a *FormatError, or nil where it may be lines of text.
func recognise(b []byte) error {
	head := b[:min(len(b), looked)]
	if bytes.HasPrefix(head, []byte("PK\x03\x04")) || bytes.HasPrefix(head, []byte("PK\x05\x06")) {
		return zipped(head)
	}
	// before JSON, whose bracket it may begin with
	if len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) < 100<<20 {
		return &FormatError{"a safetensors file", toRows}
	}
	for _, k := range formats {
		if bytes.HasPrefix(head, []byte(k.magic)) {
			return &FormatError{k.kind, k.help}
		}
	}
	switch {
	case bytes.HasPrefix(head, []byte("BM")) && bytes.IndexByte(head, 0) >= 0: // letters that a name may begin with
		return &FormatError{"an image (BMP)", toRows}
	case bytes.HasPrefix(head, []byte("ORC")) && bytes.IndexByte(head, 0) >= 0:
		return &FormatError{"an ORC file", toRows}
	case len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5:
		return &FormatError{"a pickle of Python", toRows}
	case len(head) > 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP":
		return &FormatError{"an image (WebP)", toRows}
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return &FormatError{"a tar archive", unpack}
	case len(head) > 3 && head[0] == 0x08 && head[1] < 32 && (head[2] == 0x12 || head[2] == 0x3a || head[2] == 0x1a):
		return &FormatError{"an ONNX model, not data", toRows}
	case wide(head):
		return &FormatError{"a text in UTF-16", recode}
	case bytes.IndexByte(head, 0) >= 0:
		return &FormatError{"binary", toRows}
	}
	return nil
}

// zipped tells apart what comes in a zip archive, by the names of its first files.
func zipped(head []byte) error {
	switch {
	case bytes.Contains(head, []byte("xl/")) || bytes.Contains(head, []byte("[Content_Types].xml")):
		return &FormatError{"an Excel workbook (.xlsx)", saveCSV}
	case bytes.Contains(head, []byte("mimetypeapplication/vnd.oasis.opendocument")):
		return &FormatError{"an OpenDocument file (.ods)", saveCSV}
	case bytes.Contains(head, []byte(".npy")):
		return &FormatError{"an archive of NumPy arrays (.npz)", savetxt}
	case bytes.Contains(head, []byte("data.pkl")):
		return &FormatError{"a file of PyTorch (.pt)", toRows}
	}
	return &FormatError{"a zip archive", unpack + " (unzip)"}
}

// wide says whether a text has a zero for every other byte, as UTF-16 without a mark has.
func wide(head []byte) bool {
	n := min(len(head)&^1, 64)
	if n < 4 {
		return false
	}
	even, odd := 0, 0
	for i := 0; i < n; i += 2 {
		if head[i] == 0 {
			even++
		}
		if head[i+1] == 0 {
			odd++
		}
	}
	return even == 0 && odd == n/2 || odd == 0 && even == n/2
}
