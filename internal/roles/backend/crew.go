package backend

import (
	"github.com/rhizome-ml/rhizome/internal/roles/backend/kernel"
	"github.com/rhizome-ml/rhizome/tensor"
)

// crew is what threads need to share a step of a frame: each but the first has a frame of its own, with the slots of
// the step and memory for what stays in it.
type crew struct {
	kernel.Crew
	frames []*frame // the first is the one that they work for
	errs   []error
	do     func(f *frame, i int) error
}

// crewSize is what the steps of a program need of a crew.
type crewSize struct {
	threads              int
	slabs                map[tensor.DType]int
	scratch32, scratch64 int
}

// bytes is the memory of the threads but the first.
func (s *crewSize) bytes() int {
	n := s.scratch32*4 + s.scratch64*8
	for d, k := range s.slabs {
		n += k * d.Size()
	}
	return max(0, s.threads-1) * n
}

// hire makes the frames of the threads.
func (f *frame) hire(s *crewSize, storages []*storage) {
	if s.threads <= 1 {
		return
	}
	f.crew.frames, f.crew.errs = []*frame{f}, make([]error, s.threads)
	for range s.threads - 1 {
		h := &frame{scratch32: make([]float32, s.scratch32), scratch64: make([]float64, s.scratch64)}
		for d, n := range s.slabs {
			each(d).reserve(h, n)
		}
		for _, st := range storages {
			each(st.dtype).widen(h, f)
		}
		f.crew.frames = append(f.crew.frames, h)
	}
}

// Part does a part of the step that is shared.
func (c *crew) Part(i int) { c.errs[i] = c.do(c.frames[i], i) }

// share does a step in n parts, of which do does one in a frame, and returns the error of the first that has one.
func (f *frame) share(n int, do func(f *frame, i int) error) error {
	c := &f.crew
	c.do = do
	c.Run(n, c)
	c.do = nil
	for _, err := range c.errs[:n] {
		if err != nil {
			return err
		}
	}
	return nil
}
