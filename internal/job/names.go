package job

import (
	"path"
	"strings"
)

// DataDigits is the name of the UCI optical digits.
const DataDigits = "digits"

// DataSynthetic is the name of the data set that every node draws for itself.
const DataSynthetic = "synthetic"

// DefaultName is the job that runs where none is named.
const DefaultName = "digits"

// GoodName says whether a job may be called that: it is the name of a directory too.
func GoodName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'a' || s[0] > 'z' {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_' {
			return false
		}
	}
	return true
}

// IsPath says whether a job's name is that of a file.
func IsPath(name string) bool {
	ext := path.Ext(name)
	return strings.ContainsAny(name, `/\`) || ext == ".yaml" || ext == ".yml"
}
