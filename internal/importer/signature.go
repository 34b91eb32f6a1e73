package importer

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// signatureKey is where torch.export leaves what the module had.
const signatureKey = "pkg.torch.export.ExportedProgram.graph_signature"

// signature is the parameters and buffers of the module that was exported, which need not be those of the file.
type signature struct {
	params  []string
	buffers []string
	// targets are both by what the calls of the module name them; passing are buffers that no state dict holds.
	targets map[string]string
	passing map[string]bool
}

func (s *signature) param(name string) bool  { return s != nil && slices.Contains(s.params, name) }
func (s *signature) buffer(name string) bool { return s != nil && slices.Contains(s.buffers, name) }

// parseSignature reads the signature from the graph's metadata, or returns nil.
func parseSignature(m *onnx.ModelProto) *signature {
	text, ok := onnx.Meta(m.GetGraph().GetMetadataProps(), signatureKey)
	if !ok {
		if text, ok = onnx.Meta(m.GetMetadataProps(), signatureKey); !ok {
			return nil
		}
	}
	s := &signature{targets: map[string]string{}, passing: map[string]bool{}}
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "# outputs" {
			break
		}
		arg, what, ok := strings.Cut(line, ": ")
		if !ok {
			continue
		}
		kind, rest, _ := strings.Cut(what, " ")
		_, target, ok := strings.Cut(rest, "target='")
		if !ok {
			continue
		}
		target, rest, _ = strings.Cut(target, "'")
		switch kind {
		case "PARAMETER":
			s.params, s.targets[arg] = append(s.params, target), target
		case "BUFFER":
			s.buffers, s.targets[arg] = append(s.buffers, target), target
			s.passing[target] = strings.Contains(rest, "persistent=False")
		}
	}
	if len(s.params)+len(s.buffers) == 0 {
		return nil
	}
	return s
}
