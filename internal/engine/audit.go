package engine

import "fmt"

// Audit recomputes what is derived from the state and holds it against the running figures: every charge has its
// release (trap unequal-charge). It returns nil, or what differs; it may be called between any two ops, and costs a
// walk over the state.
func (e *Engine) Audit() error {
	ingress := 0
	for i := range e.st.ingress {
		ingress += e.st.ingress[i].bytes
	}
	if ingress != e.st.ingressBytes {
		return fmt.Errorf("engine: %d bytes are in inputs and %d charged", ingress, e.st.ingressBytes)
	}
	waiting := 0
	for _, a := range e.st.arrivals {
		waiting += a.charge()
	}
	if waiting != e.st.waiting {
		return fmt.Errorf("engine: %d bytes wait for loans, and %d are charged", waiting, e.st.waiting)
	}
	return e.m.Audit()
}
