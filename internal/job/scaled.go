package job

import (
	"errors"
	"fmt"
	"strings"

	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// EventScaled is the name of what a server tells when the constants are made by which features are scaled: a list of
// Int clients, Int samples, shift and divide (float64 tensors), Bool whether the exported model has them in its graph,
// and a list of those whose sums did not count, each a list of Peer and String reason.
const EventScaled = "scaled"

// Scaled is what features are shifted by and then divided by, from the exact sums of clients.
type Scaled struct {
	Clients int       `json:"clients"` // whose sums they are of
	Samples int64     `json:"samples"`
	Shift   []float64 `json:"shift"` // of each feature, or channel
	Divide  []float64 `json:"divide"`
	InModel bool      `json:"in_model"` // the model does it: it takes samples as they are measured
	Refused []Refused `json:"refused,omitempty"`
}

// Refused is a client whose answer did not count.
type Refused struct {
	Client string `json:"client"`
	Reason string `json:"reason"`
}

// String says it in a line.
func (s Scaled) String() string {
	what := "features are"
	if len(s.Shift) == 1 {
		what = "feature is"
	}
	plural := "s"
	if s.Clients == 1 {
		plural = ""
	}
	text := fmt.Sprintf("%d %s scaled to mean 0 and deviation 1, by the exact sums of %d client%s over %d samples",
		len(s.Shift), what, s.Clients, plural, s.Samples)
	for i, r := range s.Refused {
		if i == 4 {
			text += fmt.Sprintf("; and %d more", len(s.Refused)-i)
			break
		}
		text += fmt.Sprintf("; refused those of %s: %s", Line(r.Client), strings.TrimSpace(r.Reason))
	}
	return text
}

// ParseScaled reads the value of an EventScaled.
func ParseScaled(v value.Value) (*Scaled, error) {
	bad := errors.New("job: the server told a scale without clients, samples and constants")
	list, ok := v.(*value.List)
	if !ok || list.Len() != 6 {
		return nil, bad
	}
	clients, ok := list.At(0).(value.Int)
	samples, ok2 := list.At(1).(value.Int)
	shift, ok3 := list.At(2).(value.Tensor)
	divide, ok4 := list.At(3).(value.Tensor)
	in, ok5 := list.At(4).(value.Bool)
	refused, ok6 := list.At(5).(*value.List)
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 || !ok6 || shift.DType() != tensor.Float64 ||
		divide.DType() != tensor.Float64 {
		return nil, bad
	}
	s := &Scaled{Clients: int(clients), Samples: int64(samples), Shift: shift.Float64(), Divide: divide.Float64(),
		InModel: bool(in)}
	for _, item := range refused.Items() {
		pair, ok := item.(*value.List)
		if !ok || pair.Len() != 2 {
			return nil, bad
		}
		who, ok := pair.At(0).(value.Peer)
		why, ok2 := pair.At(1).(value.String)
		if !ok || !ok2 {
			return nil, bad
		}
		s.Refused = append(s.Refused, Refused{Line(string(who)), Line(string(why))})
	}
	return s, nil
}
