package dataset

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/tensor"
)

// FileSettings says how a file is read, whatever its format: the settings of the kind File and of each format by
// itself. What a format has no use for (a header, in Parquet) is left out of account, so that the clients of one job
// can bring files of several formats.
//
// All are optional. What they leave open is found in the file; OpenFile gives the settings back with that filled in,
// and these belong to a job: every file that is read by them has the same schema, or is refused.
type FileSettings struct {
	// Label names the column or array of the label; where columns have no names it is their number, from 0. Several
	// columns of one kind stand with commas between them: a label is then one number of each. Empty: an array or column
	// called label, labels, y, target, targets or class, else of a table the last column.
	Label string `json:"label,omitempty"`
	// LabelKind is "class", "quantity" or "none". Empty: a quantity where the file's type is that of numbers with a
	// fraction, or where the label is several columns of CSV; else a class, as one of CSV is.
	LabelKind string `json:"label_kind,omitempty"`
	// Labels is the file that holds the labels, in the folder of the first (IDX, NPY). Empty: as the names of MNIST's
	// files say, where there is one.
	Labels string `json:"labels,omitempty"`
	// Classes are the names of the classes, in order; a label that is none of them is refused. Empty: those of the
	// file, texts in the order of texts and numbers in that of numbers. Whole numbers from 0 on are their own order,
	// and so are the numbers of an array or a typed column where no class is called by a number.
	Classes []string `json:"classes,omitempty"`
	// Features names the columns or arrays of the features, in order. Empty: x, features, images, image, data or
	// inputs of an archive of arrays, and of a table all but the label and Ignore.
	Features []string `json:"features,omitempty"`
	// Ignore names columns that are not features.
	Ignore []string `json:"ignore,omitempty"`
	// Group names a column by which the partitioner natural keeps samples together. It is no feature.
	Group string `json:"group,omitempty"`
	// Header says whether the first line of CSV names the columns; absent: it does. Skip is how many lines stand before
	// all that, and Delimiter what separates the fields; empty: what the first line shows.
	Header    *bool  `json:"header,omitempty"`
	Skip      int    `json:"skip,omitempty"`
	Delimiter string `json:"delimiter,omitempty"`
	// Decimal is what stands before the fraction of a number of CSV, "." or ",". Empty: a point where commas separate
	// the fields, and otherwise as the first rows show.
	Decimal string `json:"decimal,omitempty"`
	// Missing says what a missing number of a feature is: "refuse" (also where it is empty), "zero", "mean", or "drop"
	// for leaving the sample out. Fill are the means, one for each feature.
	Missing string    `json:"missing,omitempty"`
	Fill    []float64 `json:"fill,omitempty"`
	// Categorical says what columns of texts are: "refuse" (also where it is empty), or "onehot" for one feature of 0
	// or 1 for each text. Categories are the texts of each column; one that is not among them is refused.
	Categorical string              `json:"categorical,omitempty"`
	Categories  map[string][]string `json:"categories,omitempty"`
	// BadRows says what becomes of rows that cannot be read: "refuse" (also where it is empty) or "skip".
	BadRows string `json:"bad_rows,omitempty"`
	// Type is "int64" for features that are numbers of tokens, and "float32" (also where it is empty) for others.
	Type string `json:"type,omitempty"`
	// Shape is that of a sample's features. Empty: as the file has it.
	Shape []int `json:"shape,omitempty"`
	// Inputs are what a sample is made of where a model takes several inputs, by the name of each, in the place of
	// Features, Type and Shape.
	Inputs map[string]FileInput `json:"inputs,omitempty"`
	// Channels is 1 for images in grey and 3 for those in colour, whatever the files are. 0 means 3.
	Channels int `json:"channels,omitempty"`
	// Scale is what features are divided by. 0 means 255 for images of bytes, and 1 for everything else.
	Scale float64 `json:"scale,omitempty"`
	// Normalize is "none" (also where it is empty), "standard" or "minmax": a feature is then (x/Scale − Shift) /
	// Divide. Shift and Divide have one number for all features, for each, or for each channel; empty: those of the
	// file.
	Normalize string    `json:"normalize,omitempty"`
	Shift     []float64 `json:"shift,omitempty"`
	Divide    []float64 `json:"divide,omitempty"`
	// Vocabulary is a file of tokens, one a line, in the folder of the data, and Words what is in it, packed; empty:
	// that is read. Window is how many tokens a sample has where the file is one text.
	Vocabulary string `json:"vocabulary,omitempty"`
	Words      string `json:"words,omitempty"`
	Window     int    `json:"window,omitempty"`
	// Text names a column of texts that is read as the numbers of Length tokens of the vocabulary: the rest of a text
	// is left out, and a shorter one is filled up with <pad>. Where nothing else is said it is all that a sample is.
	Text   string `json:"text,omitempty"`
	Length int    `json:"length,omitempty"`
}

// The words of FileSettings.
const (
	labelClass    = "class"
	labelQuantity = "quantity"
	labelNone     = "none"

	missingZero = "zero"
	missingMean = "mean"
	missingDrop = "drop"

	onehot   = "onehot"
	badSkip  = "skip"
	standard = "standard"
	minmax   = "minmax"

	typeInt64 = "int64"

	refuse = "refuse"
	none   = "none"
)

// fileSettings reads FileSettings; of names the kind in errors.
func fileSettings(of string, b []byte) (FileSettings, error) {
	var s FileSettings
	if err := config.Decode(of, b, &s); err != nil {
		return s, err
	}
	return s, s.check(of)
}

// JSON returns the settings as a job and a kind hold them.
func (s FileSettings) JSON() []byte {
	b, _ := json.Marshal(s) // check let no number through that JSON has not
	return b
}

func (s FileSettings) check(of string) error {
	for _, w := range []struct {
		key, v string
		known  []string
	}{
		{"label_kind", s.LabelKind, []string{labelClass, labelQuantity, labelNone}},
		{"missing", s.Missing, []string{refuse, missingZero, missingMean, missingDrop}},
		{"categorical", s.Categorical, []string{refuse, onehot}},
		{"type", s.Type, []string{"float32", typeInt64}},
		{"bad_rows", s.BadRows, []string{refuse, badSkip}},
		{"normalize", s.Normalize, []string{none, standard, minmax}},
		{"delimiter", s.Delimiter, []string{",", ";", "\t", "|"}},
		{"decimal", s.Decimal, []string{".", ","}},
	} {
		if w.v != "" && !slices.Contains(w.known, w.v) {
			return config.Errorf(of, "%s is %.64q; want one of %q", w.key, w.v, w.known)
		}
	}
	if err := config.Within(of, "skip", int64(s.Skip), 0, 1000); err != nil {
		return err
	}
	if err := config.Within(of, "window", int64(s.Window), 0, widthMax); err != nil {
		return err
	}
	if s.Channels != 0 && s.Channels != 1 && s.Channels != 3 {
		return config.Errorf(of, "channels is %d; want 1 or 3", s.Channels)
	}
	if err := texts(of, "classes", s.Classes, classesMax); err != nil {
		return err
	}
	if err := texts(of, "features", s.Features, columnsMax); err != nil {
		return err
	}
	for name, list := range s.Categories {
		if err := texts(of, "categories of "+name, list, columnsMax); err != nil {
			return err
		}
	}
	if s.Scale != 0 && !(math.Abs(s.Scale) > 1e-30 && math.Abs(s.Scale) < 1e30) {
		return config.Errorf(of, "scale is %v; want a number that features can be divided by", s.Scale)
	}
	for i, v := range s.Divide {
		if !(math.Abs(v) > 1e-30 && math.Abs(v) < 1e30) {
			return config.Errorf(of, "divide[%d] is %v; want a number that features can be divided by", i, v)
		}
	}
	if len(s.Shape) > 0 {
		if err := (Schema{Shape: s.Shape, Features: tensor.Float32}).Check(); err != nil {
			return err
		}
	}
	if err := s.checkText(of); err != nil {
		return err
	}
	return s.checkInputs(of)
}

// texts checks a list of names.
func texts(of, key string, list []string, most int) error {
	seen := map[string]bool{}
	for i, name := range list {
		if seen[name] || name == "" || i == most {
			return config.Errorf(of, "%s[%d] is %.32q; want up to %d names, each once", key, i, name, most)
		}
		seen[name] = true
	}
	return nil
}
