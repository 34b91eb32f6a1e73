package op

import "github.com/rhizome-ml/rhizome/types"

// slot names the component that a method is called on.
var slot = Attr{Name: "slot", Kind: KindText, Required: true, Doc: "the component slot"}

func method(role, name, doc string, inputs, outputs []Port) Decl {
	return Decl{Domain: RoleDomain + role, Name: name, Doc: doc, In: inputs, Out: outputs, Attrs: []Attr{slot},
		Nature: Stateful, Place: AtSlot}
}

func internal(d Decl) Decl {
	d.Internal, d.Deferred = true, true
	d.Attrs = append([]Attr{{Name: "function", Kind: KindText, Required: true, Doc: "the tensor function"}}, d.Attrs...)
	return d
}

// roleOps are the methods of components that the language itself has; whoever brings a component declares the others
// (Catalogue.Extend).
var roleOps = []Decl{
	internal(method("backend", "Run", "Runs a tensor function, which the compiler fused from tensor ops.",
		ports(many("inputs", types.Tensor())), ports(some("outputs", types.Tensor())))),
}

// trainingOps are replaced by ordinary tensor ops.
var trainingOps = []Decl{
	{Name: "Gradient", Doc: "Gives the gradient of a scalar by values that it was computed from.",
		In: ports(some("values", types.Tensor())), Out: ports(some("gradients", types.Tensor())), Rule: gradient,
		Nature: Pure,
		Attrs: []Attr{
			{Name: "xs", Kind: KindTexts, Required: true,
				Doc: "the names of the values that it is taken by: the first inputs"},
			{Name: "zs", Kind: KindTexts, Doc: "the names of the other inputs"},
			{Name: "y", Kind: KindText, Required: true, Doc: "the name of the scalar"},
		}},
}
