package record

// Departure is one thing that a record made the node put out, as far as the marks of the journal tell: an envelope, or
// an app event.
type Departure struct {
	Edge   int32  // of an envelope: its crossing of the program, or -1
	Number uint64 // of an envelope in its stream, 0 for none; of an app event
	event  bool
	name   uint16 // 16 bits of a checksum over the receiver, or over the event's name
}

// Departures returns what a record made the node put out, in order. It is for looking at journals: what is malformed
// ends the list.
func (r *Record) Departures() []Departure {
	var out []Departure
	for _, m := range readMarks(r.Marks) {
		switch m.kind {
		case markEnvelope:
			out = append(out, Departure{Edge: int32(m.edge) - 1, Number: m.number, name: m.to})
		case markEvent:
			out = append(out, Departure{Edge: -1, Number: m.number, event: true, name: m.to})
		}
	}
	return out
}

// To says whether it is an envelope to this peer. One in 65,536 other peers is taken for it.
func (d Departure) To(peer string) bool { return !d.event && d.name == mark16([]byte(peer)) }

// Event says whether it is an app event of this name. One in 65,536 other names is taken for it.
func (d Departure) Event(name string) bool { return d.event && d.name == mark16([]byte(name)) }
