package op

// slot names the component that a method is called on.
var slot = Attr{Name: "slot", Kind: KindText, Required: true, Doc: "the component slot"}

// tensors is a list of tensors, such as the parameters of a model in their order.
var tensors = ListsOf(Tensor())

// lossBefore and lossAfter are what a peer may say of its training.
var (
	lossBefore = Port{Name: "loss_before", Type: Tensor(), Optional: true}
	lossAfter  = Port{Name: "loss_after", Type: Tensor(), Optional: true}
)

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

// roleOps are the methods of components.
var roleOps = []Decl{
	internal(method("backend", "Run", "Runs a tensor function, which the compiler fused from tensor ops.",
		ports(many("inputs", Tensor())), ports(some("outputs", Tensor())))),

	method("model", "Parameters", "Gives the parameters in the model's order.",
		ports(in("trigger", Trigger())), ports(out("params", tensors))),
	method("model", "LoadParameters", "Puts parameters in place of the model's.",
		ports(in("params", tensors)), ports(out("loaded", Trigger()))),
	method("model", "Export", "Gives the model as an ONNX file with these parameters.",
		ports(in("params", tensors)), ports(out("file", Bytes()))),

	method("model", "Share", "Gives the model as one vector, for a peer to merge, and its age in steps.",
		ports(in("trigger", Trigger())), ports(out("params", Tensor()), out("age", Int()))),
	method("model", "Merge", "Averages a peer's model with the own, weighted by age, and takes a step on the own samples.",
		ports(in("params", Tensor()), in("age", Int())), ports(out("merged", Trigger()))),
	method("model", "Alone", "Takes a step on the own samples where there is nobody to learn from.",
		ports(in("peers", ListsOf(Peer()))), ports(out("settled", Trigger()))),
	method("model", "Evaluate", "Gives the accuracy and the loss of the model over the held-out samples.",
		ports(in("trigger", Trigger())), ports(out("accuracy", Float()), out("loss", Float()))),

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

	method("aggregator", "Contribute", "Adds one peer's update to the aggregate of a round, at most once.",
		ports(in("round", Int()), in("who", Peer()), in("update", tensors), in("samples", Int()), lossBefore, lossAfter), ports(out("settled", Trigger()))),
	method("aggregator", "Aggregate", "Gives the mean of a round over its members, weighted by samples, and all samples.",
		ports(in("round", Int()), in("members", ListsOf(Peer()))), ports(out("mean", tensors), out("samples", Int()))),

	method("aggregator", "Refuse", "Notes that a peer's answer to a round failed, and why: code, place and message, as Catch gives them.",
		ports(in("round", Int()), in("who", Peer()), in("failure", ListsOf(String()))), ports(out("noted", Trigger()))),
	method("aggregator", "Announce", "Counts a peer as a contributor to a round, at most once; its update is folded elsewhere.",
		ports(in("round", Int()), in("who", Peer()), in("samples", Int()), lossBefore, lossAfter), ports(out("settled", Trigger()))),
	method("aggregator", "Weights", "Closes a round whose contributions were announced, and gives the samples of each member.",
		ports(in("round", Int()), in("members", ListsOf(Peer()))), ports(out("weights", ListsOf(Int())))),

	method("data", "Begin", "Puts the cursor at the start of a round and gives the samples and the batches of it.",
		ports(in("round", Int())), ports(out("samples", Int()), out("steps", Int()))),
	method("data", "NextBatch", "Gives the batch of a step and its labels; the round is that of the last Begin unless it is given.",
		ports(in("step", Int()), Port{Name: "round", Type: Int(), Optional: true}), ports(out("batch", Tensor()), out("labels", Tensor()))),
	method("data", "Test", "Gives all test samples and their labels.",
		ports(in("trigger", Trigger())), ports(out("batch", Tensor()), out("labels", Tensor()))),
	method("data", "Reset", "Puts the cursor at the start.",
		ports(in("trigger", Trigger())), ports(out("done", Trigger()))),
	method("data", "Loaded", "Gives how many samples the node holds.",
		ports(in("trigger", Trigger())), ports(out("samples", Int()))),

	method("selector", "Sample", "Draws the cohort of a round from the peers that are members.",
		ports(in("ready", Trigger()), in("round", Int())), ports(out("peers", ListsOf(Peer())))),
	method("selector", "View", "Gives all members.",
		ports(in("trigger", Trigger())), ports(out("peers", ListsOf(Peer())))),
	method("selector", "Peer", "Draws for a tick one of the peers that are known from the start.",
		ports(in("tick", Int())), ports(out("peer", Peer()))),
	method("selector", "Next", "Draws for a tick one of the peers that are known by then, or nobody where none is.",
		ports(in("tick", Int())), ports(out("peers", ListsOf(Peer())))),

	parking(method("protocol.registry", "Await", "Waits until enough peers are members.",
		ports(in("round", Int())), ports(out("ready", Trigger())))),
	method("protocol.registry", "Members", "Gives all members.",
		ports(in("trigger", Trigger())), ports(out("peers", ListsOf(Peer())))),

	method("protocol.rounds", "Open", "Opens a round for a cohort.",
		ports(in("round", Int()), in("cohort", ListsOf(Peer()))), ports(out("opened", Trigger()))),
	method("protocol.rounds", "Asked", "Gives those of the peers that still owe the round an answer.",
		ports(in("round", Int()), in("peers", ListsOf(Peer()))), ports(out("peers", ListsOf(Peer())))),
	method("protocol.rounds", "Failed", "Says what a job tells that cannot go on: round, reason, and at whom; from what Catch gives.",
		ports(in("failure", ListsOf(String()))), ports(out("failed", List()))),
	parking(method("protocol.rounds", "Await", "Waits until a round is closed by its quorum or its deadline, and says who came.",
		ports(in("round", Int()), in("opened", Trigger())), ports(out("members", ListsOf(Peer()))))),
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
