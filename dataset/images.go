package dataset

import (
	"bytes"
	"fmt"
	"hash/fnv"
	"image"
	"image/color"
	_ "image/jpeg" // decoders
	_ "image/png"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// The kind images is a folder that has one folder of PNG or JPEG images for each class. Classes stand in the order of
// their names as text, and images in that of theirs.
func init() {
	openers[imagesKind] = openImages
	k := fileKind(imagesKind, openImages)
	k.FileMax = 1 // it is no file
	kinds.add(imagesKind, k)
}

// The bounds of images.
const (
	imagesMax      = 1 << 20
	imageBytesMax  = 64 << 20
	imagePixelsMax = 1 << 24
)

// imageTable is a folder of images.
type imageTable struct {
	files    fs.FS
	channels int
	h, w     int
	classes  []string
	first    []int    // the number of the first image of each class
	names    []string // of all images, within their folders
	sums     []uint32 // of what was read; 0: not yet
	cols     []fileColumn
	notes    []string
}

func openImages(env Env, s FileSettings, _ *io.SectionReader) (fileTable, error) {
	if env.Files == nil {
		return nil, config.Errorf("images settings", "a folder was given as a file; want the folder itself")
	}
	root, err := fs.Sub(env.Files, path.Clean("./"+env.File))
	if err != nil {
		return nil, err
	}
	t := &imageTable{files: root, channels: s.Channels}
	if t.channels == 0 {
		t.channels = 3
	}
	if err := t.list(); err != nil {
		return nil, err
	}
	b, err := t.bytes(0)
	if err != nil {
		return nil, err
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil {
		return nil, t.bad(0, "cannot be read: "+err.Error())
	}
	t.h, t.w = c.Height, c.Width
	if t.h < 1 || t.w < 1 || t.h > imagePixelsMax/t.w {
		return nil, t.bad(0, fmt.Sprintf("has %d×%d pixels; at most %d are read", t.w, t.h, imagePixelsMax))
	}
	n := len(t.names)
	for i := 0; i < n; i += max(1, n/16) { // some of them
		if b, err := t.bytes(i); err == nil && subsampled(b) {
			t.notes = append(t.notes, jpegNote)
			break
		}
	}
	t.sums = make([]uint32, n)
	t.cols = []fileColumn{
		{name: "image", typ: integer, shape: []int{t.channels, t.h, t.w}, bytes: true, format: "image", rows: n},
		{name: "label", typ: integer, classes: t.classes, format: "folder", rows: n}}
	return t, nil
}

// list finds the images.
func (t *imageTable) list() error {
	folders, err := fs.ReadDir(t.files, ".") // by name
	if err != nil {
		return err
	}
	left := 0
	for _, folder := range folders {
		if !folder.IsDir() || strings.HasPrefix(folder.Name(), ".") {
			left++
			continue
		}
		files, err := fs.ReadDir(t.files, folder.Name())
		if err != nil {
			return err
		}
		from := len(t.names)
		for _, f := range files {
			switch strings.ToLower(path.Ext(f.Name())) {
			case ".png", ".jpg", ".jpeg":
				t.names = append(t.names, f.Name())
			default:
				left++
				if len(t.notes) < 8 {
					t.notes = append(t.notes, fmt.Sprintf("%.64q is no PNG or JPEG, and left out", folder.Name()+"/"+
						f.Name()))
				}
			}
		}
		if len(t.names) > imagesMax {
			return config.Errorf("images", "there are more than %d", imagesMax)
		}
		if len(t.names) > from {
			t.classes, t.first = append(t.classes, folder.Name()), append(t.first, from)
		}
	}
	if len(t.names) == 0 {
		return config.Errorf("images",
			"the folder has no folders of PNG or JPEG images, one for each class; there are "+
				"%d other files", left)
	}
	return nil
}

// class returns the class of an image.
func (t *imageTable) class(row int) int {
	i, found := slices.BinarySearch(t.first, row)
	if !found {
		i--
	}
	return i
}

func (t *imageTable) name(row int) string { return t.classes[t.class(row)] + "/" + t.names[row] }

func (t *imageTable) bad(row int, reason string) error {
	return &badRow{place: t.place(row), reason: reason, row: row, number: -1}
}

func (t *imageTable) place(row int) string { return "image " + t.name(row) }

func (t *imageTable) bytes(row int) ([]byte, error) {
	f, err := t.files.Open(t.name(row))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, imageBytesMax+1))
	if err == nil && len(b) > imageBytesMax {
		return nil, t.bad(row, fmt.Sprintf("has more than %d bytes", imageBytesMax))
	}
	return b, err
}

func (t *imageTable) about() fileAbout {
	return fileAbout{format: "a folder of images, by class", named: true, label: "label", notes: t.notes}
}

func (t *imageTable) columns() []fileColumn { return t.cols }

func (t *imageTable) read(rows []int, want []wanted, into []cells) error {
	for k, w := range want {
		c := t.cols[w.column]
		into[k].fit(w.as, len(rows), c.width())
		for i, row := range rows {
			if w.column == 1 {
				into[k].i[i] = int64(t.class(row))
				continue
			}
			b, err := t.bytes(row)
			if err != nil {
				return err
			}
			h := fnv.New32a()
			_, _ = h.Write(b)
			sum := h.Sum32() | 1
			if t.sums[row] != 0 && t.sums[row] != sum {
				return &ChangedError{t.name(row), "its bytes are others"}
			}
			t.sums[row] = sum
			if why := picture(b, c.shape, into[k].i[i*c.width():(i+1)*c.width()]); why != "" {
				return t.bad(row, why)
			}
		}
	}
	return nil
}

// picture decodes an image into its channels, one behind the other, of whole numbers from 0 to 255, or says what is
// wrong with it. What is transparent has the colour that it would have otherwise; of 16 bits, the upper 8 are taken.
func picture(b []byte, shape []int, into []int64) string {
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	switch {
	case err != nil:
		return "cannot be read: " + err.Error()
	case c.Height != shape[1] || c.Width != shape[2]:
		return fmt.Sprintf("has %d×%d pixels, and the first image has %d×%d; want all of one size", c.Width, c.Height,
			shape[2], shape[1])
	}
	m, _, err := image.Decode(bytes.NewReader(b))
	if err != nil {
		return "cannot be read: " + err.Error()
	}
	r, pixels := m.Bounds(), shape[1]*shape[2]
	for y := range shape[1] {
		for x := range shape[2] {
			at := y*shape[2] + x
			red, green, blue := colours(m, r.Min.X+x, r.Min.Y+y)
			if shape[0] == 1 {
				into[at] = (19595*red + 38470*green + 7471*blue + 0x8000) >> 16
				continue
			}
			into[at], into[pixels+at], into[2*pixels+at] = red, green, blue
		}
	}
	return ""
}

// colours returns a pixel.
func colours(m image.Image, x, y int) (r, g, b int64) {
	switch m := m.(type) {
	case *image.Gray:
		v := int64(m.GrayAt(x, y).Y)
		return v, v, v
	case *image.NRGBA:
		c := m.NRGBAAt(x, y)
		return int64(c.R), int64(c.G), int64(c.B)
	case *image.RGBA: // PNG without transparency
		c := m.RGBAAt(x, y)
		if c.A == 255 {
			return int64(c.R), int64(c.G), int64(c.B)
		}
	case *image.YCbCr:
		c := m.YCbCrAt(x, y)
		r, g, b := color.YCbCrToRGB(c.Y, c.Cb, c.Cr)
		return int64(r), int64(g), int64(b)
	case *image.NRGBA64:
		c := m.NRGBA64At(x, y)
		return int64(c.R >> 8), int64(c.G >> 8), int64(c.B >> 8)
	}
	c := color.NRGBAModel.Convert(m.At(x, y)).(color.NRGBA)
	return int64(c.R), int64(c.G), int64(c.B)
}

// subsampled says whether a JPEG has its colours at a lower resolution, which decoders fill up in ways of their own.
func subsampled(b []byte) bool {
	m, format, err := image.Decode(bytes.NewReader(b))
	y, ok := m.(*image.YCbCr)
	return err == nil && format == "jpeg" && ok && y.SubsampleRatio != image.YCbCrSubsampleRatio444
}
