package backend

// fuse joins neighbours into one step where that saves a pass over memory. The joined step rounds where its parts did, so
// no bit of a result changes.
func (l *lowered) fuse() {
	readers := make([]int, len(l.types)) // how often each value is read
	for _, st := range l.steps {
		for _, id := range st.in {
			if id >= 0 {
				readers[id]++
			}
		}
	}
	for _, id := range l.src.out {
		readers[id]++
	}
	maker := map[int]*step{} // of each value, among the steps kept
	kept := l.steps[:0]
	for _, st := range l.steps {
		if st.op.Domain == "" && st.op.Name == "Relu" {
			// A Gemm whose result only this Relu reads ends with it.
			if m := maker[st.in[0]]; m != nil && m.op.Name == "Gemm" && !m.relu && readers[st.in[0]] == 1 {
				m.relu, m.out = true, st.out
				maker[st.out[0]] = m
				continue
			}
		}
		for _, id := range st.out {
			maker[id] = st
		}
		kept = append(kept, st)
	}
	l.steps = kept
}
