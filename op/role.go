package op

// slot names the component that a method is called on.
var slot = Attr{Name: "slot", Kind: KindText, Required: true, Doc: "the component slot"}

// tensors is a list of tensors, such as the parameters of a model in their order.
var tensors = ListsOf(Tensor())

func method(role, name, doc string, inputs, outputs []Port) Decl {
	return Decl{Domain: RoleDomain + role, Name: name, Doc: doc, In: inputs, Out: outputs, Attrs: []Attr{slot},
		Nature: Stateful, Place: AtSlot}
}

func parking(d Decl) Decl {
	d.Deferred = true
	return d
}

func internal(d Decl) Decl {
	d.Internal, d.Deferred = true, true
	d.Attrs = append([]Attr{{Name: "function", Kind: KindText, Required: true, Doc: "the tensor function"}}, d.Attrs...)
	return d
}

// roleOps are the methods of components that the language itself has; whoever brings a component declares the others (Catalogue.Extend).
var roleOps = []Decl{
	internal(method("backend", "Run", "Runs a tensor function, which the compiler fused from tensor ops.",
		ports(many("inputs", Tensor())), ports(some("outputs", Tensor())))),

	// Of the model that travels in chunks, which is known here alone; the first two it has in common with other models.
	method("model", "Parameters", "Gives the parameters in the model's order.",
		ports(in("trigger", Trigger())), ports(out("params", tensors))),
	method("model", "Export", "Gives the model as an ONNX file with these parameters.",
		ports(in("params", tensors)), ports(out("file", Bytes()))),
	method("model", "Offer", "Lets clients take the parameters of a round chunk by chunk, and says how many chunks there are.",
		ports(in("round", Int()), in("opened", Trigger())), ports(out("chunks", Int()))),
	method("model", "Chunk", "Gives a chunk of the parameters that are offered.",
		ports(in("round", Int()), in("chunk", Int())), ports(out("values", Tensor()))),
	method("model", "Gather", "Begins to gather the mean of the members' updates, chunk by chunk, and says how many chunks are to be asked for.",
		ports(in("round", Int()), in("attempt", Int()), in("members", ListsOf(Peer())), in("weights", ListsOf(Int()))), ports(out("chunks", Int()))),
	parking(method("model", "Ask", "Waits until there is room for a chunk, and says whom to ask for it: nobody when the attempt is given up.",
		ports(in("round", Int()), in("attempt", Int()), in("chunk", Int())), ports(out("peers", ListsOf(Peer()))))),
	method("model", "Fold", "Adds a member's chunk to the sum of that chunk; the context is round, attempt and chunk.",
		ports(in("context", ListsOf(Int())), in("who", Peer()), in("values", Tensor())), ports(out("folded", Trigger()))),
	method("model", "Refuse", "Goes on without a member whose chunk failed, or fails; the context is round, attempt and chunk, the failure is told as Catch gives it.",
		ports(in("context", ListsOf(Int())), in("who", Peer()), in("failure", ListsOf(String()))), ports(out("noted", Trigger()))),
	parking(method("model", "Gathered", "Waits until all chunks are gathered, or the attempt is given up.",
		ports(in("round", Int()), in("attempt", Int()), in("asked", Trigger())), ports(out("over", Trigger())))),
	method("model", "Members", "Says of whom the gathered parameters are the mean.",
		ports(in("round", Int()), in("gathered", Trigger())), ports(out("members", ListsOf(Peer())), out("count", Int()))),

	method("model", "Expect", "Begins a round at a client, and forgets what was of an earlier one.",
		ports(in("round", Int())), ports(out("ready", Trigger()))),
	parking(method("model", "Room", "Waits until there is room to ask for a chunk of the parameters.",
		ports(in("round", Int()), in("chunk", Int())), ports(out("open", Trigger())))),
	method("model", "Take", "Takes a chunk of the parameters; the context is round and chunk.",
		ports(in("context", ListsOf(Int())), in("values", Tensor())), ports(out("taken", Trigger()))),
	parking(method("model", "Whole", "Waits until all chunks are there, and gives the parameters.",
		ports(in("round", Int()), in("asked", Trigger())), ports(out("params", tensors)))),
	method("model", "Keep", "Keeps an update for the server to take.",
		ports(in("round", Int()), in("update", tensors)), ports(out("kept", Trigger()))),
	method("model", "Part", "Gives a chunk of the update that is kept.",
		ports(in("round", Int()), in("chunk", Int())), ports(out("values", Tensor()))),
}

// trainingOps are replaced by ordinary tensor ops.
var trainingOps = []Decl{
	{Name: "Gradient", Doc: "Gives the gradient of a scalar by values that it was computed from.",
		In: ports(some("values", Tensor())), Out: ports(some("gradients", Tensor())), Rule: gradient, Nature: Pure,
		Attrs: []Attr{
			{Name: "xs", Kind: KindTexts, Required: true, Doc: "the names of the values that it is taken by: the first inputs"},
			{Name: "zs", Kind: KindTexts, Doc: "the names of the other inputs"},
			{Name: "y", Kind: KindText, Required: true, Doc: "the name of the scalar"},
		}},
}
