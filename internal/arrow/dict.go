package arrow

// dictRead is a dictionary that was read, as it is after so many messages.
type dictRead struct {
	of     *field // what its values are: fields that share a number may say it each in their own way
	upTo   int
	values *Values
}

// The bounds of dictionaries.
const (
	dictMax  = 1 << 20 // values of one
	dictsMax = 1 << 22 // values of those that are kept
)

// pick takes values of a dictionary by their numbers. Where nothing is, the number may be any.
func (f *File) pick(a *field, index []int64, none []bool, dicts int) (*Values, error) {
	d, err := f.dictionary(a, dicts)
	if err != nil {
		return nil, err
	}
	n := int64(d.len())
	out := &Values{}
	for k, i := range index {
		gone := none != nil && none[k]
		if !gone && (i < 0 || i >= n) {
			return nil, errorf("column %q has the number %d of a dictionary of %d", a.name, i, n)
		}
		if gone || d.None != nil && d.None[i] {
			if out.None == nil {
				out.None = make([]bool, len(index))
			}
			out.None[k], index[k] = true, -1
		}
	}
	switch {
	case d.Ints != nil:
		out.Ints = picked(d.Ints, index)
	case d.Singles != nil:
		out.Singles = picked(d.Singles, index)
	case d.Floats != nil:
		out.Floats = picked(d.Floats, index)
	default:
		out.Bytes = picked(d.Bytes, index)
	}
	return out, nil
}

// picked takes values by their numbers, and nothing where the number is below 0.
func picked[T any](from []T, index []int64) []T {
	out := make([]T, len(index))
	for k, i := range index {
		if i >= 0 {
			out[k] = from[i]
		}
	}
	return out
}

// dictionary returns the values of a dictionary, as it is after so many messages.
func (f *File) dictionary(a *field, dicts int) (*Values, error) {
	first, last := -1, -1
	for i := range dicts {
		if m := &f.dicts[i]; m.id == a.id {
			if !m.delta {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return nil, errorf("column %q has no dictionary", a.name)
	}
	for _, d := range f.read {
		if d.of == a.value && d.upTo == last {
			return d.values, nil
		}
	}
	all := &Values{}
	for i := first; i <= last; i++ {
		m := &f.dicts[i]
		if m.id != a.id {
			continue
		}
		v, err := f.dictionaryPart(m, a.value, all.len())
		if err != nil {
			return nil, err
		}
		if v.None != nil && all.None == nil {
			all.None = make([]bool, all.len())
		}
		if all.None != nil && v.None == nil {
			v.None = make([]bool, v.len())
		}
		all.None = append(all.None, v.None...)
		all.Ints, all.Singles = append(all.Ints, v.Ints...), append(all.Singles, v.Singles...)
		all.Floats, all.Bytes = append(all.Floats, v.Floats...), append(all.Bytes, v.Bytes...)
	}
	for f.readLen += all.len() + 1; f.readLen > dictsMax && len(f.read) > 0; f.read = f.read[1:] {
		f.readLen -= f.read[0].values.len() + 1
	}
	f.read = append(f.read, dictRead{a.value, last, all})
	return all, nil
}

// dictionaryPart reads the values of one message.
func (f *File) dictionaryPart(m *dictMessage, a *field, before int) (*Values, error) {
	p, err := f.partsOf(m.message, true)
	if err != nil {
		return nil, err
	}
	n, err := p.values(a)
	if err != nil {
		return nil, err
	}
	if n > int64(dictMax-before) {
		return nil, errorf("column %q has a dictionary of more than %d values", a.name, dictMax)
	}
	none, err := f.valid(p, a, 0, n, nil)
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return &Values{}, nil
	}
	v, err := f.leaf(p, a, 0, n, none, 0)
	if err != nil {
		return nil, err
	}
	v.without(none)
	return v, nil
}
