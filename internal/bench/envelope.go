package bench

import (
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/tensor"
	"github.com/rhizome-ml/rhizome/value"
)

// envelopes measures encoding and decoding an envelope with one tensor of 10 KB, beside copying as many bytes.
func envelopes(emit func(Metric)) error {
	x, err := tensor.FromFloat32([]int{2500}, make([]float32, 2500))
	if err != nil {
		return err
	}
	reg, lim := value.NewRegistry(), wire.DefaultLimits()
	env := &wire.Envelope{Version: wire.PlainVersion, From: "one", To: "other", Incarnation: 1, Epoch: 1, Number: 1,
		Fills: []wire.Fill{{Site: 7, Value: value.Tensor{Tensor: x}}}}
	raw, err := wire.Append(nil, reg, env)
	if err != nil {
		return err
	}
	to := make([]byte, len(raw))
	denominator := perCall(func() { copy(to, raw) })
	emit(metric(engineBench, "envelope_encode_ns", perCall(func() { wire.Append(to[:0], reg, env) }), "ns", denominator,
		"memcpy of the same bytes"))
	emit(metric(engineBench, "envelope_decode_ns", perCall(func() { wire.Decode(raw, reg, lim) }), "ns", denominator,
		"memcpy of the same bytes"))
	return nil
}
