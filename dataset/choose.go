package dataset

import (
	"slices"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// choose finds the columns of the label and of the features.
func (f *fileSource) choose() error {
	cols := f.table.columns()
	if len(cols) == 0 {
		return config.Errorf(f.of, "the file has no columns")
	}
	label, err := f.labelColumns(cols)
	if err != nil {
		return err
	}
	chosen, err := f.featureColumns(cols, label)
	if err != nil {
		return err
	}
	if err := f.namedOnce(cols, slices.Concat(chosen, label)); err != nil {
		return err
	}
	f.rows = cols[chosen[0]].rows
	for _, i := range slices.Concat(chosen, label) {
		if cols[i].rows != f.rows {
			return config.Errorf(f.of, "%q has %d rows and %q has %d; want as many of each", cols[chosen[0]].name,
				f.rows, cols[i].name, cols[i].rows)
		}
	}
	for k, i := range chosen {
		c, err := f.featureOf(cols[i], i, k)
		if err != nil {
			return err
		}
		f.features = append(f.features, c)
		f.want = append(f.want, c.wanted)
	}
	if f.words != nil && !slices.ContainsFunc(f.features, func(c feature) bool { return c.words }) {
		return config.Errorf(f.of, "text is %.64q, which is none of the features or inputs", f.s.Text)
	}
	if len(f.parts) == 0 { // one for all
		for i := range f.features {
			f.features[i].scale = f.s.Scale
		}
	}
	f.s.Features = nil
	for _, i := range chosen {
		if f.table.about().named && len(f.parts) == 0 {
			f.s.Features = append(f.s.Features, cols[i].name)
		}
	}
	if len(label) > 0 {
		if err := f.labelKinds(cols, label); err != nil {
			return err
		}
		f.want = append(f.want, f.targets...)
	} else {
		f.s.LabelKind = labelNone
	}
	return nil
}

// namedOnce refuses columns that are called as another one is: a job finds them by their names in the files of others.
func (f *fileSource) namedOnce(cols []fileColumn, used []int) error {
	first, twice := map[string]int{}, map[string]int{}
	for i, c := range cols {
		if other, there := first[c.name]; there {
			twice[c.name] = other
		} else {
			first[c.name] = i
		}
	}
	for _, i := range used {
		if other, there := twice[cols[i].name]; there {
			return config.Errorf(f.of, "several columns are called %.64q, the first of them column %d; want a name of its own "+
				"for each that is used", cols[i].name, other+1)
		}
	}
	return nil
}

// labelColumns returns the columns of the label, none where there is no label.
func (f *fileSource) labelColumns(cols []fileColumn) ([]int, error) {
	about := f.table.about()
	if f.s.LabelKind == labelNone {
		return nil, nil
	}
	if f.s.Label != "" {
		return f.labelsNamed(cols)
	}
	at := -1
	if about.label != "" {
		at = slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == about.label })
	}
	if about.arrays && at < 0 {
		for _, name := range labelNames {
			if at < 0 && !slices.Contains(f.s.Features, name) {
				at = slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == name })
			}
		}
	}
	if at < 0 && about.last {
		for i, c := range cols {
			if !c.index && !slices.Contains(f.s.Features, c.name) && !slices.Contains(f.s.Ignore, c.name) {
				at = i
			}
		}
	}
	if at < 0 {
		return nil, nil
	}
	f.s.Label = cols[at].name // of columns without names, their number
	return []int{at}, nil
}

// columnOf returns a column by its name, or by its number where there are no names.
func (f *fileSource) columnOf(key, name string, cols []fileColumn) (int, error) {
	if !f.table.about().named {
		n, err := strconv.Atoi(name)
		if err != nil || n < 0 || n >= len(cols) {
			return 0, config.Errorf(f.of, "%s is %.64q; want the number of a column, 0 to %d, as header is false", key,
				name, len(cols)-1)
		}
		return n, nil
	}
	names := make([]string, len(cols))
	for i, c := range cols {
		if names[i] = c.name; c.name == name {
			return i, nil
		}
	}
	what := "columns"
	if f.table.about().arrays {
		what = "arrays"
	}
	return 0, config.Errorf(f.of, "%s is %.64q; want one of the %s %.400q", key, name, what, names)
}

// featureColumns returns the columns of the features.
func (f *fileSource) featureColumns(cols []fileColumn, label []int) (out []int, err error) {
	if len(f.s.Inputs) > 0 {
		return f.inputColumns(cols, label)
	}
	said := "features"
	if f.s.Text != "" && len(f.s.Features) == 0 {
		said, f.s.Features = "text", []string{f.s.Text}
	}
	for _, name := range f.s.Features {
		i, err := f.columnOf(said, name, cols)
		if err != nil {
			return nil, err
		}
		if slices.Contains(label, i) {
			return nil, config.Errorf(f.of, "%s has %.64q, which is the label; want label to be another column", said,
				name)
		}
		out = append(out, i)
	}
	if len(out) > 0 {
		return out, nil
	}
	var ignored []int
	for _, name := range slices.Concat(f.s.Ignore, f.groupNames()) {
		i, err := f.columnOf("ignore", name, cols)
		if err != nil {
			return nil, err
		}
		ignored = append(ignored, i)
	}
	if f.table.about().arrays {
		for _, name := range featureNames {
			i := slices.IndexFunc(cols, func(c fileColumn) bool { return c.name == name })
			if i >= 0 && !slices.Contains(label, i) && !slices.Contains(ignored, i) {
				return []int{i}, nil
			}
		}
	}
	for i, c := range cols {
		if !slices.Contains(label, i) && !c.index && !slices.Contains(ignored, i) {
			out = append(out, i)
		}
	}
	if f.table.about().arrays && len(out) > 1 {
		names := []string{}
		for _, c := range cols {
			names = append(names, c.name)
		}
		return nil, config.Errorf(f.of, "the file has the arrays %.400q, and none is called x; say with features "+
			"which one has the samples", names)
	}
	if len(out) == 0 {
		return nil, config.Errorf(f.of, "no column is left for features")
	}
	return out, nil
}

func (f *fileSource) groupNames() []string {
	if f.s.Group == "" {
		return nil
	}
	return []string{f.s.Group}
}

// Groups returns the group of each sample, by the column that the settings name, or nil where they name none.
func (f *fileSource) Groups() ([]int64, error) {
	if f.s.Group == "" {
		return nil, nil
	}
	cols := f.table.columns()
	at, err := f.columnOf("group", f.s.Group, cols)
	if err != nil {
		return nil, err
	}
	w := wanted{at, cols[at].typ}
	switch {
	case w.as == anyText:
		w.as = text
	case w.as == number || w.as == unusable || cols[at].width() > 1:
		return nil, config.Errorf(f.of, "group is %.64q, which holds %s; want texts or whole numbers", f.s.Group,
			cols[at].format)
	}
	out, number, c := make([]int64, f.Len()), map[string]int64{}, make([]cells, 1)
	for from := 0; from < len(out); from += 1 << 13 {
		rows := all(min(1<<13, len(out)-from))
		for i := range rows {
			if rows[i] += from; f.keep != nil {
				rows[i] = int(f.keep[rows[i]])
			}
		}
		if err := f.table.read(rows, []wanted{w}, c); err != nil {
			return nil, err
		}
		for i, row := range rows {
			switch {
			case c[0].none[i]:
				return nil, f.bad(row, at, "is empty; want a group")
			case w.as == integer:
				out[from+i] = c[0].i[i]
				continue
			}
			g, there := number[c[0].s[i]]
			if !there {
				g = int64(len(number))
				number[c[0].s[i]] = g
			}
			out[from+i] = g
		}
	}
	return out, f.file.same()
}

// featureOf says how a column becomes features, of which it is the one of that number.
func (f *fileSource) featureOf(c fileColumn, at, nth int) (feature, error) {
	whole := f.wholePart(nth)
	out := feature{wanted: wanted{at, c.typ}, name: c.name, width: c.width(), exact: whole}
	if f.words != nil && c.name == f.s.Text {
		return out, f.asText(&out, c, whole)
	}
	switch {
	case c.typ == unusable:
		return out, config.Errorf(f.of, "%q %s", c.name, c.why)
	case whole && c.typ == anyText, whole && c.typ == number && c.format == jsonNumber:
		out.as = integer // held against that number by number
	case c.typ == integer && (c.format == "uint64" || c.format == jsonNumber) && !whole:
		out.as = number // int64 does not hold them all
	case c.typ == text && f.s.Categorical != onehot:
		return out, config.Errorf(f.of, "%q holds texts (%s); leave it out (ignore, or features without it), or set "+
			"categorical to onehot", c.name, c.format)
	case c.typ == anyText && f.s.Categorical == onehot:
		if _, said := f.s.Categories[c.name]; said || f.s.Categories == nil && f.looksLikeText(at) {
			out.as = text
		} else {
			out.as = number
		}
	case c.typ == anyText:
		out.as = number
	}
	if out.as == text {
		out.texts = map[string]int{}
		for i, v := range f.s.Categories[c.name] {
			out.texts[v] = i
		}
		out.width = len(out.texts)
	}
	out.whole = out.as == integer
	if whole && !out.whole {
		return out, config.Errorf(f.of, "type is int64, and %q is %s; want whole numbers", c.name, c.format)
	}
	f.scale(&out, c, nth)
	return out, nil
}

// looked is how many rows are looked at to tell numbers from texts.
const lookedRows = 256

// looksLikeText says whether a column has a text among its first rows. One whose other fields are many numbers has
// none: what is no number there is a slip of the pen, and is told as one.
func (f *fileSource) looksLikeText(at int) bool {
	rows := all(min(f.table.columns()[at].rows, lookedRows))
	c := make([]cells, 1)
	if err := f.table.read(rows, []wanted{{at, text}}, c); err != nil {
		return false // the survey will say it
	}
	some, numbers := false, map[string]bool{}
	for i, s := range c[0].s {
		if c[0].none[i] || csvMissing(s) {
			continue
		}
		// one that float32 does not hold is no text
		if _, why := csvNumberAs(s, f.table.about().decimal, 64); why != "" {
			some = true
		}
		if csvSign(s) != 0 || strings.Trim(s, "0123456789") == "" {
			numbers[s] = true
		}
	}
	return some && len(numbers) <= numbersMany
}

// numbersMany is up to how many numbers among the first rows of a column may stand for classes beside texts.
const numbersMany = 32

// noRows refuses a file without samples.
func (f *fileSource) noRows() error {
	if f.skipped+f.dropped > 0 {
		return config.Errorf(f.of, "no sample is left: %d rows cannot be read, and %d have missing values", f.skipped,
			f.dropped)
	}
	return &badRow{place: f.table.place(0), reason: "is not there: the file holds no samples", row: 0,
		number: -1}
}
