package deploy

import "github.com/rhizome-ml/rhizome/internal/job"

// notes tells what a job has to tell of the files that it was made of.
func (s *server) notes() {
	of, ok := s.cfg.(job.Noted)
	if !ok || s.o.Notify == nil {
		return
	}
	for _, text := range of.Notes() {
		s.o.Notify(Warning{text})
	}
}
