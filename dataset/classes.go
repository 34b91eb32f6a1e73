package dataset

import (
	"github.com/rhizome-ml/rhizome/internal/config"
	"github.com/rhizome-ml/rhizome/internal/draw"
)

func init() {
	partitioners.add("classes", func(settings []byte) (Partitioner, error) {
		p := ClassesPerPart{Each: 2}
		if err := config.Decode("classes partition", settings, &p); err != nil {
			return nil, err
		}
		return p, p.check()
	})
}

// ClassesPerPart gives each part the same number of classes, and deals each class evenly to the parts that have it (Li
// et al., "Federated Learning on Non-IID Data Silos: An Experimental Study", 2022, quantity-based label imbalance).
// Part i has class i modulo their number, and others by chance; the samples of a class that no part has go to all parts
// in turn.
type ClassesPerPart struct {
	// Each is how many classes a part has, 1 to as many as there are; 2 where settings say nothing.
	Each int `json:"each"`
}

func (c ClassesPerPart) check() error {
	return config.Within("classes partition", "each", int64(c.Each), 1, classesMax)
}

// Parts deals classes.
func (c ClassesPerPart) Parts(s Samples, n int, seed uint64) ([][]int, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := needsClasses("classes", s); err != nil {
		return nil, err
	}
	if err := config.Within("classes partition", "each", int64(c.Each), 1, int64(s.Classes)); err != nil {
		return nil, err
	}
	stream, holders := draw.New(seed, "data/partition/classes", uint64(n), uint64(c.Each)), make([][]int, s.Classes)
	for i := range n {
		first := i % s.Classes
		holders[first] = append(holders[first], i)
		others := stream.Perm(s.Classes)
		for k, has := 0, 1; has < c.Each; k++ {
			if others[k] != first {
				holders[others[k]], has = append(holders[others[k]], i), has+1
			}
		}
	}
	parts, turn := make([][]int, n), 0
	for class, rows := range byClass(s.Labels, s.Rows, s.Classes) {
		stream.Shuffle(rows, len(rows))
		to := holders[class]
		for i, r := range rows {
			part := turn % n
			if len(to) > 0 {
				part = to[i%len(to)]
			} else {
				turn++
			}
			parts[part] = append(parts[part], r)
		}
	}
	return parts, nil
}
