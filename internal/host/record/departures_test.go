package record

import (
	"testing"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/value"
)

// TestDeparturesTellWhatWentOut: edge, number and receiver of an envelope, number and name of an event, in order;
// commands are none.
func TestDeparturesTellWhatWentOut(t *testing.T) {
	reg := value.NewRegistry()
	env := wire.Envelope{Version: 1, From: "a", To: "b", Incarnation: 1, Epoch: 1, Number: 7, Edge: 3}
	raw, err := wire.Append(nil, reg, &env)
	if err != nil {
		t.Fatal(err)
	}
	out := &engine.Output{
		Envelopes: []engine.Packet{{To: "b", Raw: raw}},
		AppEvents: []engine.AppEvent{{Number: 2, Name: "round", Value: value.Int(1)}},
		Commands:  []engine.Command{{ID: 1, Method: "Execute"}},
	}
	r := &Record{Marks: new(Marker).Append(nil, out, reg)}
	got := r.Departures()
	if len(got) != 2 || got[0].Edge != 3 || got[0].Number != 7 || !got[0].To("b") || got[0].To("c") ||
		got[0].Event("b") {
		t.Fatalf("%+v", got)
	}
	if e := got[1]; e.Edge != -1 || e.Number != 2 || !e.Event("round") || e.Event("done") || e.To("round") {
		t.Errorf("%+v", e)
	}
}
