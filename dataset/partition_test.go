package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestPartitionersDealEachSampleOnce: every partitioner deals each sample to one part, of at least the least size, the
// same each time.
func TestPartitionersDealEachSampleOnce(t *testing.T) {
	y := labels(t)
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom(Partitioners()).Draw(t, "partitioner")
		seed := rapid.Uint64().Draw(t, "seed")
		n := rapid.IntRange(1, 40).Draw(t, "parts")
		train, _ := Split(Samples{all(len(y)), y, digitsClasses, y}, seed)
		least := rapid.IntRange(0, len(train)/n).Draw(t, "least")
		p, err := OpenPartitioner(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		given := Samples{slices.Clone(train), y, digitsClasses, y}
		parts, err := Deal(p, given, n, least, seed)
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(given.Rows, train) {
			t.Fatal("the samples that were given were changed")
		}
		for i, part := range parts {
			if len(part) < least || !slices.IsSorted(part) {
				t.Fatalf("part %d has %d samples, want at least %d, ascending", i, len(part), least)
			}
		}
		again, _ := Deal(p, given, n, least, seed)
		if fmt.Sprint(again) != fmt.Sprint(parts) {
			t.Fatal("the same seed deals otherwise")
		}
		if other, _ := Deal(p, given, n, 0, seed+1); n > 1 && name != "natural" &&
			fmt.Sprint(other) == fmt.Sprint(parts) {
			t.Fatal("the seed does not matter")
		}
	})
}

// TestPartitionersAreGolden: every machine and every release must deal alike, or the nodes of one job hold overlapping
// parts.
func TestPartitionersAreGolden(t *testing.T) {
	y := labels(t)
	train, _ := Split(Samples{all(len(y)), y, digitsClasses, y}, 42)
	want := map[string]string{"classes": "4534a3ba4b945a90", "dirichlet": "30093f8fa29bddfb", "iid": "431b1d748b56d718",
		"linear": "c1a1e63c05279306", "natural": "201608d2f674ec47", "quantity": "5e805006f7bbe09c",
		"shards": "338ce03f3bf451a2"}
	for _, name := range Partitioners() {
		p, err := OpenPartitioner(name, nil)
		if err != nil {
			t.Fatal(err)
		}
		parts, err := Deal(p, Samples{train, y, digitsClasses, y}, 8, 16, 42)
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(fmt.Append(nil, parts))
		if got := hex.EncodeToString(sum[:8]); got != want[name] {
			t.Errorf("%s deals otherwise: %s, want %s", name, got, want[name])
		}
	}
}

// TestSkewIsWhatItSays: parts have the distributions that their partitioner promises.
func TestSkewIsWhatItSays(t *testing.T) {
	y := labels(t)
	train, _ := Split(Samples{all(len(y)), y, digitsClasses, y}, 3)
	classes := func(name, settings string) (least, most, smallest, largest int) {
		p, err := OpenPartitioner(name, []byte(settings))
		if err != nil {
			t.Fatal(err)
		}
		parts, err := Deal(p, Samples{train, y, digitsClasses, y}, 10, 0, 3)
		if err != nil {
			t.Fatal(err)
		}
		least, smallest = digitsClasses, len(train)
		for _, part := range parts {
			has := 0
			for _, rows := range byClass(y, part, digitsClasses) {
				has += min(len(rows), 1)
			}
			least, most = min(least, has), max(most, has)
			smallest, largest = min(smallest, len(part)), max(largest, len(part))
		}
		return least, most, smallest, largest
	}
	if least, _, small, large := classes("iid", ""); least != 10 || large-small > 1 {
		t.Errorf("iid: a part has %d classes; sizes are %d to %d", least, small, large)
	}
	if _, most, small, large := classes("shards", `{"each":2}`); most > 4 || large-small > 2 {
		t.Errorf("two shards: a part has %d classes; sizes are %d to %d", most, small, large)
	}
	if least, _, small, large := classes("linear", ""); least < 9 || large-small < 200 || large > 10*small+20 {
		t.Errorf("linear: a part has %d classes; sizes are %d to %d", least, small, large)
	}
	if _, _, small, large := classes("quantity", `{"alpha":0.3}`); large < 4*small {
		t.Errorf("quantity: sizes are %d to %d", small, large)
	}
	if least, most, _, _ := classes("natural", ""); least != 1 || most != 1 { // ten groups, and ten parts
		t.Errorf("natural: parts have %d to %d groups", least, most)
	}
	for k := 1; k <= 10; k++ {
		if least, most, _, _ := classes("classes", fmt.Sprintf(`{"each":%d}`, k)); least != k || most != k {
			t.Errorf("%d classes each: parts have %d to %d", k, least, most)
		}
	}
}

// TestPartitionersRefuse: what cannot be dealt is told.
func TestPartitionersRefuse(t *testing.T) {
	plain := Samples{Rows: all(10)}
	if parts, err := Deal(IID{}, plain, 3, 3, 1); err != nil || len(parts) != 3 {
		t.Errorf("samples without classes: %v", err)
	}
	for name, err := range map[string]error{
		"by class":        second(Deal(Dirichlet{1}, plain, 3, 1, 1)),
		"shards":          second(Deal(Shards{2}, plain, 3, 1, 1)),
		"classes":         second(Deal(ClassesPerPart{2}, plain, 3, 1, 1)),
		"too many":        second(Deal(IID{}, plain, 3, 4, 1)),
		"no parts":        second(Deal(IID{}, plain, 0, 0, 1)),
		"twice":           second(Deal(twice{}, plain, 3, 0, 1)),
		"alpha":           second(OpenPartitioner("dirichlet", []byte(`{"alpha":0}`))),
		"unknown setting": second(OpenPartitioner("iid", []byte(`{"alpha":1}`))),
		"no shards":       second(OpenPartitioner("shards", []byte(`{"each":0}`))),
		"natural":         second(Deal(natural{}, plain, 3, 1, 1)),
		"quantity":        second(OpenPartitioner("quantity", []byte(`{"alpha":-1}`))),
		"11 classes":      second(Deal(ClassesPerPart{11}, Samples{all(10), make([]int64, 10), 10, nil}, 3, 0, 1)),
	} {
		if err == nil {
			t.Errorf("%s: was dealt", name)
		}
	}
	var unknown *UnknownError
	if _, err := OpenPartitioner("idd", nil); !errors.As(err, &unknown) || !slices.Contains(unknown.Known, "iid") {
		t.Error(err)
	}
}

func second[T any](_ T, err error) error { return err }

// twice deals a sample twice.
type twice struct{}

func (twice) Parts(s Samples, n int, _ uint64) ([][]int, error) {
	parts := make([][]int, n)
	parts[0] = append(slices.Clone(s.Rows), s.Rows[0])
	return parts, nil
}
