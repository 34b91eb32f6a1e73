package program

import "github.com/rhizome-ml/rhizome/internal/onnx"

// LoadSteps is Load, and says how many things it looked at.
func LoadSteps(model *onnx.ModelProto, place string) (*Program, int, error) {
	l := &loader{model: model, p: &Program{Place: place, Bootstrap: None, Main: None}}
	p, err := l.load()
	return p, l.steps, err
}
