package lower

// scope is what names mean inside a sub-graph that is written out in place: values of the graph. What a scope does not
// know the one around it does, and the outermost, which is nil, is the graph itself.
type scope struct {
	outer *scope
	names map[string]string
}

// value returns what a name means.
func (s *scope) value(name string) string {
	for ; s != nil; s = s.outer {
		if v, ok := s.names[name]; ok {
			return v
		}
	}
	return name
}

// values returns what names mean.
func (s *scope) values(names []string) []string {
	if s == nil {
		return names
	}
	out := make([]string, len(names))
	for i, name := range names {
		if name != "" {
			out[i] = s.value(name)
		}
	}
	return out
}

// bind makes names mean values.
func (s *scope) bind(names, values []string) {
	for i, v := range values {
		if names[i] != "" {
			s.names[names[i]] = v
		}
	}
}
