package artifact

import (
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/onnx"
	"github.com/rhizome-ml/rhizome/internal/op"
	"github.com/rhizome-ml/rhizome/internal/op/onnxop"
)

// The domains of functions.
const (
	ModuleDomain    = "rhizome.module"    // of a choreography: sub-modules, called by nodes of this domain
	BootstrapDomain = "rhizome.bootstrap" // of a choreography: what runs once at KeyPlace
	PartDomain      = "rhizome.part."     // of an artifact, followed by the place: functions of the place's part
	TensorDomain    = "rhizome.tensor"    // of an artifact: tensor functions, which hold only tensor nodes
)

// The keys of a model's metadata.
const (
	KeyForm   = "rhizome.form"   // FormChoreography or FormArtifact
	KeyPlaces = "rhizome.places" // JSON list of names, sorted
	KeySlots  = "rhizome.slots"  // JSON list of Slot, sorted by name
	KeyEdges  = "rhizome.edges"  // of an artifact: JSON list of Edge, by id
	KeyDigest = "rhizome.digest" // of an artifact: hexadecimal
)

// The keys of the metadata of nodes and functions.
const (
	KeyLine  = "rhizome.line"  // of a node: file:line of the author's source; not part of the digest
	KeyPlace = "rhizome.place" // of a bootstrap, and of a tensor node that says where it runs
	KeySlot  = "rhizome.slot"  // of a tensor node that says which backend runs it

	KeyKind     = "rhizome.kind"      // of a part's function: one of Kinds
	KeyLabel    = "rhizome.label"     // event kind, lifecycle phase or invoke name
	KeyEdge     = "rhizome.edge"      // edge id of a receive
	KeyPeriod   = "rhizome.period"    // nanoseconds of an interval
	KeySpread   = "rhizome.spread"    // "1" where each node draws when an interval begins; else it is left out
	KeySiteBase = "rhizome.site_base" // global id of the function's first slot
	KeyOpBase   = "rhizome.op_base"   // global id of the function's first op
)

// The values of KeyForm. The number is the version of the form.
const (
	FormChoreography = "choreography/1"
	FormArtifact     = "artifact/1"
)

// Kinds returns the values of KeyKind: what starts an activation of a function. The index is the number of the kind.
func Kinds() []string {
	return []string{"body", "bootstrap", "main", "recv", "interval", "event", "lifecycle", "invoke"}
}

// IRVersion is the version of the ONNX file format that both forms are written in: the first with functions that have
// metadata and value types.
const IRVersion = 10

// Opsets returns the opset imports of these versions by domain, sorted by domain.
func Opsets(versions map[string]int64) []*onnx.OperatorSetIdProto {
	out := make([]*onnx.OperatorSetIdProto, 0, len(versions))
	for d, v := range versions {
		if d == op.Training {
			v = onnxop.TrainingVersion
		}
		out = append(out, &onnx.OperatorSetIdProto{Domain: d, Version: v})
	}
	slices.SortFunc(out, func(a, b *onnx.OperatorSetIdProto) int { return strings.Compare(a.Domain, b.Domain) })
	return out
}
