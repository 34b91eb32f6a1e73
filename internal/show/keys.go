package show

import (
	"fmt"
	"reflect"
	"strings"
)

// naming are the fields by which entries of a list are told apart: the first row whose fields the entries have, and in
// which no two entries of a list are equal, is taken.
var naming = [][]string{
	{"Exec", "Site"}, {"Command"}, {"Call"}, {"Peer", "Epoch", "Request"}, {"Peer", "Number"}, {"Seq"}, {"Op", "Exec"},
	{"Exec"},
	{"Number"}, {"Peer"}, {"Slot"}, {"Name", "Key"}, {"Name"}, {"Place"}, {"Kind"}, {"Op"}, {"At"},
}

// keys returns the names of the entries of two lists of structs, or false where they have none.
func keys(a, b reflect.Value) (ka, kb []string, ok bool) {
	t := a.Type().Elem()
next:
	for _, row := range naming {
		for _, name := range row {
			if _, there := t.FieldByName(name); !there {
				continue next
			}
		}
		ka, ok = keysBy(a, row)
		if !ok {
			continue
		}
		if kb, ok = keysBy(b, row); ok {
			return ka, kb, true
		}
	}
	return nil, nil, false
}

// keysBy names the entries of a list by the fields of a row, and says whether all are different.
func keysBy(list reflect.Value, row []string) ([]string, bool) {
	out, seen := make([]string, list.Len()), make(map[string]bool, list.Len())
	for i := range out {
		parts := make([]string, len(row))
		for k, name := range row {
			f := list.Index(i).FieldByName(name)
			if f.Kind() == reflect.Slice {
				parts[k] = fmt.Sprintf("%x", f.Bytes())
			} else {
				parts[k] = fmt.Sprint(f.Interface())
			}
		}
		out[i] = strings.Join(parts, "/")
		if seen[out[i]] {
			return nil, false
		}
		seen[out[i]] = true
	}
	return out, true
}
