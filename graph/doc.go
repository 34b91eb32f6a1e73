// Package graph is the language in which programs are authored: one program for all places, a choreography.
//
// A choreography is a Go function that records ops into a Graph. Values live at a place, ops run where their inputs
// live, and the verbs that move a value to another place are Send, Request and Reply; the compiler writes the receiving
// ends. Values know the function that they were recorded in: a body of an If, a Loop or a Frame may read the values
// around it, sub-modules and bootstraps may not.
//
// Whatever an author does wrong is collected as an *Error with the line of Go source that did it; Model returns all of
// them together. An op that was refused gives values that later ops take without a further error.
//
// Graphs, values and slots are thread-unsafe.
//
// What an author can name follows. An op fires once in an activation, when all its inputs are there. A port of type
// Trigger takes any value: only that it came matters.
//
// # Ops of the language
//
// Each has a verb of its own. Op records it by name as well, in the domain rhizome.flow, with the verb's arguments as
// attributes; types, attempts and backoff are attributes of every op (see Graph.Typed and Graph.Retry).
//
//   - what starts an activation: Interval (also SpreadInterval), EventSource (the verb is Event), Lifecycle, and Invoke
//     (the verb is Input); and each envelope of a Send, Request or Reply at the other end;
//   - values: Constant (also Pulse), PassThrough, Tee, Bundle, Unbundle, Clock, Random, Correlate;
//   - what waits: Gate, Sleep, Deadline, Threshold, Any, AnyOnce, Limit and Release, QueuePut and QueueTake, HoldPut
//     and HoldTake;
//   - what goes wrong: Catch, Fail;
//   - to the host and on the node: AppEmit, Count, Record, Publish;
//   - bodies: If, Loop, Call (the verb is Frame);
//   - the compiler writes Encode and Decode where an Edge names a codec.
//
// # Ops on peers
//
// Graph.Peer records them: on the node's address book and on who may talk to it.
//
//	Insert(peer Peer, address String) → Trigger     adds an address of a peer
//	Lookup(peer Peer) → List of String              the known addresses, the best first
//	Drop(peer Peer) → Trigger                       takes a peer out of the address book
//	Health(peer Peer) → Bool                        whether the peer is up as far as is known
//	Allow(peer Peer) → Trigger                      once one peer was allowed, only those that were are let in
//	Block(peer Peer) → Trigger                      admits nothing more of a peer
//	Unblock(peer Peer) → Trigger                    takes Block back
//
// None of them makes a peer play a place: see Config.Peers and Config.Anyone of package rhizome. To a peer that does
// not play the place of an Edge nothing is sent: a Send fails when no other peer is left to it, and a Request has a
// failure in place of that peer's answer. An id that is nobody's cannot be told from a peer that is away: the message
// waits in the outbox, and peer.unresolved comes on the bus. Send to peers that the program was given, such as those of
// component.Context.Peers or Arrival.Sender.
//
// # Events on the bus
//
// Graph.Event starts an activation for each event of a kind. Kinds are an author's own words, of Graph.Publish and of
// component.Context.Publish; the node itself says these, with the Peer as the value:
//
//	peer.up           it was heard: for the first time, or again
//	peer.down         it failed too often in a row, or was silent for too long
//	peer.suspected    it is silent for longer than it uses to be
//	peer.trusted      a suspected peer was heard
//	peer.unresolved   something is for it, and no address of it is known
//	peer.blocked      it is kept out
//	peer.unblocked    it is let in again
//	peer.joined       it has become a member of a place
//	peer.left         it was a member and left
//	peer.removed      it was a member and was removed
//
// The kind rounds says rounds.ask, a list of the round and of the list of peers to ask.
//
// # Phases of the lifecycle
//
// Graph.Lifecycle takes "shutdown" (the host wants to stop) or "snapshot" (the host is about to take a snapshot for
// people); Compile refuses other words. They are said by whoever hosts the node: rhizome.Open, Run and Simulate say
// neither, for a node has nothing to do when it is stopped.
//
// # Tensor ops
//
// Graph.Tensor and Graph.Tensors record operators of ONNX, with the attributes and the meaning of its operator set 17.
// Add, Sub, Mul, MatMul, Relu and CrossEntropy are verbs for some of them, and Gradient takes gradients of all that
// have one. They run on a component of the role backend, which the place needs.
//
//   - constants: Constant, ConstantOfShape
//   - one input, element by element: Abs, Acos, Acosh, Asin, Asinh, Atan, Atanh, BitCast, BitwiseNot, Cast, Ceil, Clip,
//     Cos, Cosh, Erf, Exp, Floor, Identity, IsInf, IsNaN, LeakyRelu, Log, Neg, Not, Reciprocal, Relu, Round, Sigmoid,
//     Sign, Sin, Sinh, Sqrt, Tan, Tanh
//   - more inputs, element by element: Add, Div, Mod, Mul, Pow, Sub, Max, Mean, Min, Sum, And, Or, Xor, BitShift,
//     BitwiseAnd, BitwiseOr, BitwiseXor, Equal, Greater, GreaterOrEqual, Less, LessOrEqual, Where
//   - matrices: Gemm, MatMul
//   - windows: AveragePool, Conv, ConvTranspose, MaxPool
//   - along axes: ArgMax, ArgMin, CumProd, CumSum, Hardmax, ReduceL1, ReduceL2, ReduceLogSum, ReduceLogSumExp,
//     ReduceMax, ReduceMean, ReduceMin, ReduceProd, ReduceSum, ReduceSumSquare, ReverseSequence, TopK
//   - shapes: Expand, Flatten, Reshape, Shape, Size, Squeeze, Tile, Transpose, Unsqueeze
//   - parts: Compress, Concat, Gather, GatherElements, GatherND, NonMaxSuppression, NonZero, OneHot, ScatterElements,
//     ScatterND, Slice, Trilu, Unique
//   - matrices and lists of numbers: Det, EyeLike, Range
//   - classes: LogSoftmax, NegativeLogLikelihoodLoss, Softmax, SoftmaxCrossEntropyLoss
//
// # Roles and built-in kinds
//
// The roles of Component.Role are backend, model, aggregator, codec, data, selector, index and protocol. A kind of
// one's own plays any of them (package component); the roles say what takes the place of what. Kinds that every node
// has, in its newest version where nothing else is said, with their methods and the keys of their settings
// (Component.Config), of which none is required that has no word beside it. An author names the Methods that he
// invokes; for data, rhizome.Samples does.
//
// backend cpu runs tensor ops, and has no methods: the compiler writes the calls. By version 1 products are rounded
// before they are added, by version 2 the two are one fused operation, which is faster and gives other bits. Keys:
// bytes_max, of memory that it keeps between runs.
//
// model onnx holds parameters of a graph. Keys: mlp (widths of layers, with shift and divide, a number for each input,
// or none), onnx (a file) or graph (a model without the values of its parameters, with sha256, that of the file which
// the host gives as component.Env.Files "source", read, an object that says how that is read, and away, places where
// nobody has it and the parameters begin as zeros), one of them; init
// ("he", "glorot" or "file"); scaled ("graph" or "metadata": where an export has what LoadScale gave); storage ("bf16"
// or "f16": the type that what is trained is kept and given in, and LoadParameters rounds float32 to); personal (names
// of parameters that are none here: those who train the model keep them).
//
//	Parameters(trigger) → params List of Tensor
//	Personal(trigger) → first List of Tensor
//	LoadParameters(params List of Tensor) → loaded Trigger
//	LoadScale(shift Tensor, divide Tensor) → loaded Trigger
//	Export(params List of Tensor) → file Bytes
//
// model logistic is a logistic regression that peers merge. Keys: features and learning_rate (required); batch,
// age_step, data (a slot).
//
//	Share(trigger) → params Tensor, age Int
//	Merge(params Tensor, age Int) → merged Trigger
//	Alone(peers List of Peer) → settled Trigger
//	Evaluate(trigger) → accuracy Float, loss Float
//
// data source serves any source of package dataset; its methods and keys stand at rhizome.Samples and dataset.Use.
// data digits (keys: alpha, partitions, batch, epochs, least, each, root, rooted) and data synthetic (keys: features,
// samples, test, noise, batch, epochs) are what earlier releases had, with the same methods.
//
// data samples serves files that hosts give (component.Env.Files "train" and "test"): one for all, which is dealt, or
// each node's own. Keys: settings (dataset.FileSettings), schema (an object: shape, features, label, classes, names,
// parts, label_shape, labels), batch, epochs, partitions, least, partitioner, partition, held (the share for the test,
// in millionths), each (the share that each node holds back of its own), root (the share that is dealt to nobody) and
// rooted (the component trains on that, or on a file of its own). Options: partition, own, files (their SHA-256). Its
// methods are those of data source, and
//
//	Tests(trigger) → samples Int, steps Int
//	Turn(round Int) → turn int64[]
//	Pass(round Int) → batches Int
//	Key(round Int, step Int) → key int64[]
//	TestBatch(step Int) → batch Tensor, labels Tensor, weights Tensor
//	Moments(trigger) → counts int64[?], sums float64[?,?], squares float64[?,?]   (Deferred)
//
// aggregator fedavg makes one of the updates of a round, and asks the kinds rounds and registry beside it, whose slots
// are its Deps. Keys: rounds, registry and model (slots); max_open, max_elements; figures, and with it weighting
// ("samples" or "uniform"), max_samples, clip, skips; combine (a strategy, see package strategy); variances (the places
// of tensors that hold such: one below 0 is refused); wide (the mean is float32 also where the model's storage is not);
// beside (shapes of what stands behind the parameters in an update, and in the mean); passes (it gives sums, and not
// means); gather (an object: deadline_ms, drops, keeps, check_ms).
//
//	Contribute(round Int, who Peer, update List of Tensor, samples Int, [loss_before, loss_after Tensor]) → settled Trigger
//	Mean(round Int, members List of Peer) → mean List of Tensor, samples Int, members List of Peer, count Int   (Deferred)
//	Trust(round Int, members List of Peer, root List of Tensor) → mean List of Tensor, samples Int, members List of Peer, count Int   (Deferred)
//	Aggregate(round Int, members List of Peer) → mean List of Tensor, samples Int
//	Sum(round Int, members List of Peer) → sum List of Tensor, tally List
//	AddSum(round Int, edge Peer, sum List of Tensor, tally List) → count Int
//	Refuse(round Int, who Peer, failure List of String) → noted Trigger
//
// aggregator buffer makes versions of a model from updates that come when they come, each of a peer that it asked.
// Keys: strategy (an asynchronous one, required); registry and model (slots, which are its Deps); edge (along which
// peers are asked); most (how many train at once); weighting, max_samples and variances as above; check_ms; and where
// the strategy closes versions quorum, grace_ms and deadline_ms. It says buffer.ask on the bus, a list of the call and
// of the list of peers to ask.
//
//	Begin(ready Trigger) → begun Trigger
//	Asked(call Int, peers List of Peer) → peers List of Peer, version Int, params List of Tensor
//	Contribute(call Int, who Peer, update List of Tensor, samples Int, [loss_before, loss_after Tensor]) → settled Trigger
//	Refuse(call Int, who Peer, failure List of String) → noted Trigger
//	Await(version Int) → mean List of Tensor, fresh float32[], members List of Peer, ages List of Int, calls List of Int, count Int   (Deferred)
//	Load(version Int, params List of Tensor, last Int) → loaded Trigger
//	Failed(failure List of String) → failed List
//
// model cell keeps tensors of a node from round to round. Keys: shapes, chained, each. In a round it gives what an
// earlier one kept; zeros, where nothing was and first is empty:
//
//	Read(round Int, first List of Tensor) → kept List of Tensor
//	Write(round Int, made List of Tensor) → written Trigger
//
// aggregator mix makes one model of a node's and its neighbours', without a server. Keys: model (a slot), alone,
// age_step; place and deadline_ms, of nodes that go in step; step, codec and random, of those that send differences.
//
//	Begin(peers List of Peer) → params List of Tensor, version Int, round Int, times Int
//	Step(version Int, before List of Tensor, after List of Tensor) → stepped Trigger
//	Failed(failure List of String) → noted Trigger
//	Share(trigger) → params List of Tensor, age Int
//	Merge(params List of Tensor, age Int) → merged Trigger
//	Offer(round Int, params List of Tensor) → params List of Tensor, degree Int, peers List of Peer
//	Take(who Peer, round Int, params List of Tensor, degree Int) → taken Trigger
//	Differ(round Int, params List of Tensor) → differences List of Any, degree Int, peers List of Peer
//	Hear(who Peer, round Int, differences List of Any, degree Int) → heard Trigger
//	Await(round Int, offered Trigger) → mixed Trigger
//
// aggregator sound looks at an update where it is made. No keys.
//
//	Check(update List of Tensor) → update List of Tensor
//
// selector uniform samples the members of a registry. Keys: registry (a slot); n, over, fraction_ppm; by ("samples" or
// "loss"), and with "loss" candidates and losses (a slot).
//
//	Sample(ready Trigger, round Int) → peers List of Peer
//	View(trigger) → peers List of Peer
//
// selector neighbour draws one peer for each tick. Keys: place (required), from (a slot of the kind discovery).
//
//	Peer(tick Int) → peer Peer
//	Next(tick Int) → peers List of Peer
//
// protocol registry lets a server know its clients, and lives at both. Keys: server (a place), data (a slot), min,
// ttl_ms, heartbeat_ms, max_members, max_samples, admitted, weighs, most_weight, edges (a place between the two, whose
// nodes list clients and tell the server of them). Options of a node: name.
//
//	Await(round Int) → ready Trigger   (Deferred)
//	Members(trigger) → peers List of Peer
//	Share(peers List of Peer, of Int) → share float32[]
//	Edges(peers List of Peer) → edges List of Peer
//	Mine(peers List of Peer) → peers List of Peer
//
// protocol rounds decides who takes part in a round and when it is over. Keys: quorum, quorum_percent, over,
// deadline_ms, least, max_open, remember, on_failed ("stop", "retry" or "skip"), retries, cohort, grace_ms, registry (a
// slot), check_ms, substitute, withdraws (an edge), asks (a kind of event, in the place of rounds.ask), fewer,
// newest (a round that is opened closes those that are open), empty
// (a deadline ends a round that fewer than least have answered).
//
//	Open(round Int, cohort List of Peer) → opened Trigger
//	Asked(round Int, peers List of Peer) → peers List of Peer
//	Failed(failure List of String) → failed List
//	Await(round Int, opened Trigger) → members List of Peer   (Deferred)
//
// data columns answers queries over the columns of its node's data, and gives none of it out otherwise. Keys: queries
// (each with name, what, column and its settings), least, source or settings, partitions, partitioner, partition.
//
//	Answer(asks Any) → found Any   (Deferred)
//
// protocol moments makes of the sums of peers what features are scaled by: shifted by the mean and divided by the
// standard deviation of all samples. Keys: features (how many), each (numbers of one in a sample), divisor (of all
// numbers), shape and single (of what Scale gives); rounds and registry (slots, which are its Deps).
//
//	Contribute(round Int, who Peer, counts Tensor, sums Tensor, squares Tensor) → settled Trigger
//	Refuse(round Int, who Peer, failure List of String) → noted Trigger
//	Constants(round Int, members List of Peer) → told List, shift float64[?], divide float64[?]
//	Scale(trigger) → shift Tensor, divide Tensor
//
// protocol progress follows how good a model becomes. Keys: every (rounds between two tests); best ("loss" or
// "accuracy"); stop (the same), and with it patience and min_delta.
//
//	Due(round Int, last Int) → due Bool
//	Goes(round Int) → goes Bool
//	Judge(round Int, accuracy Tensor, loss Tensor) → judged Trigger
//	Keep(round Int, params List of Tensor) → kept Trigger
//
// protocol scores makes one figure of what clients find of a model on samples of their own. Keys: rounds and registry
// (slots; required), held (the share of its samples that each holds back, in millionths; required), quantity (there is
// no accuracy), beside (the server tests the model too).
//
//	Contribute(round Int, who Peer, accuracy Any, loss Any, samples Int) → settled Trigger
//	Refuse(round Int, who Peer, failure List of String) → noted Trigger
//	Total(round Int, members List of Peer) → accuracy float32[], loss float32[], clients List of Any
//
// protocol discovery keeps who plays which place and where. Keys: mode ("registry" or "exchange") and place (required);
// server, view, shuffle, period_ms, ttl_ms.
//
//	Members(trigger) → peers List of Peer
package graph
