package dataset

import (
	"io/fs"
	"maps"
	"path"
	"slices"

	"github.com/rhizome-ml/rhizome/internal/config"
)

// ready is a data set that packages of Debian or PyPI put on a machine.
type ready struct {
	places   []string // folders, from the root, where * stands for any name
	file     string
	test     string // a file of the test, or none
	settings FileSettings
	get      string
}

var header = false // of files that have none

// sklearn are the folders in which scikit-learn has its data.
var sklearn = []string{"usr/lib/python3/dist-packages/sklearn/datasets/data",
	"usr/lib/python3*/site-packages/sklearn/datasets/data", "usr/local/lib/python3*/*-packages/sklearn/datasets/data",
	"opt/*/lib/python3*/site-packages/sklearn/datasets/data"}

const getSklearn = "apt-get install python3-sklearn, or pip install scikit-learn"

var readySets = map[string]ready{
	"iris":          {sklearn, "iris.csv", "", FileSettings{Skip: 1, Header: &header}, getSklearn},
	"wine":          {sklearn, "wine_data.csv", "", FileSettings{Skip: 1, Header: &header}, getSklearn},
	"breast-cancer": {sklearn, "breast_cancer.csv", "", FileSettings{Skip: 1, Header: &header}, getSklearn},
	"fashion-mnist": {[]string{"usr/share/datasets/fashion-mnist"}, "train-images-idx3-ubyte.gz",
		"t10k-images-idx3-ubyte.gz", FileSettings{Scale: 255, Classes: []string{"T-shirt/top", "Trouser", "Pullover",
			"Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"}},
		"apt-get install dataset-fashion-mnist"},
}

// ReadySets returns the names of data sets that packages of Debian or PyPI put on a machine, sorted. Digits is
// embedded, and none of them.
func ReadySets() []string { return slices.Sorted(maps.Keys(readySets)) }

// Ready finds a data set by its name in a file system, which is that of the machine from its root on: the file of the
// samples, that of the test where it has one of its own, and how they are read (OpenFile). Homes are folders of Python
// environments to look into first, such as "home/me/.venv". Where it is not there, the error says how to get it.
func Ready(root fs.FS, name string, homes ...string) (file, test string, s FileSettings, err error) {
	set, ok := readySets[name]
	if !ok {
		return "", "", s, &UnknownError{"ready data set", name, ReadySets()}
	}
	places := set.places
	for _, h := range slices.Backward(homes) {
		if set.get == getSklearn {
			places = slices.Insert(slices.Clone(places), 0, h+"/lib/python3*/site-packages/sklearn/datasets/data")
		}
	}
	for _, p := range places {
		found, err := fs.Glob(root, p+"/"+set.file)
		if err != nil || len(found) == 0 {
			continue
		}
		slices.Sort(found)
		file = found[len(found)-1] // of the latest Python
		if set.test != "" {
			test = path.Join(path.Dir(file), set.test)
		}
		return file, test, set.settings, nil
	}
	return "", "", s, config.Errorf("data set "+name, "is not on this machine; get it by: %s", set.get)
}
