package wire

import (
	"encoding/hex"
	"testing"

	"github.com/rhizome-ml/rhizome/value"
)

// TestPlainBytes: what version 1 has words for keeps its bytes, whichever version the envelope was made with; a notice
// takes version 2 and stands before the fills.
func TestPlainBytes(t *testing.T) {
	e := &Envelope{Version: CurrentVersion, From: "a", To: "b", Incarnation: 1, Epoch: 1, Number: 300, AckEpoch: 2,
		Ack: 9, Edge: 7,
		Request: Request{1, 4}, Deadline: 5, Base: 3, Fills: []Fill{{Site: 2, Value: value.Int(5)}}}
	for _, c := range []struct {
		notice Notice
		want   string
	}{
		{Notice{},
			"08011201611a01622801300138ac0248025009580e620408011004700588010392011b0a072f736974652f32120d7268697a6f6d652e496e742f311a010a"},
		{Notice{Kind: NoticePressure, Level: 75, Hold: 1}, ""},
	} {
		e.Notice = c.notice
		b, err := Append(nil, registry, e)
		if err != nil {
			t.Fatal(err)
		}
		got := hex.EncodeToString(b)
		if c.want == "" {
			plain := *e
			plain.Notice = Notice{}
			p, _ := Append(nil, registry, &plain)
			var parts Parts
			parts.Split(p)
			head := append([]byte{8, 2}, parts.Head[2:]...)
			c.want = hex.EncodeToString(head) + "9a0106080110" + "4b1801" + hex.EncodeToString(parts.Fills[0])
		}
		if got != c.want {
			t.Errorf("%+v is\n%s, want\n%s", c.notice, got, c.want)
		}
	}
}
