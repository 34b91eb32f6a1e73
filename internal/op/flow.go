package op

import "github.com/rhizome-ml/rhizome/types"

func in(name string, t types.Type) Port   { return Port{Name: name, Type: t} }
func out(name string, t types.Type) Port  { return Port{Name: name, Type: t} }
func many(name string, t types.Type) Port { return Port{Name: name, Type: t, Variadic: true} }
func some(name string, t types.Type) Port { return Port{Name: name, Type: t, Variadic: true, Least: 1} }
func anyOf(name string, t types.Type) Port {
	return Port{Name: name, Type: t, Variadic: true, Least: 1, AnyOf: true}
}

func ports(p ...Port) []Port { return p }

func name(doc string) Attr {
	return Attr{Name: "name", Kind: KindText, Required: true, Doc: doc}
}

func scoped(doc string) Attr {
	a := name(doc)
	a.Scoped = true
	return a
}

func span(name, doc string) Attr {
	return Attr{Name: name, Kind: KindNs, Required: true, Least: 1, Doc: doc}
}

func number(name, doc string) Attr {
	return Attr{Name: name, Kind: KindInt, Required: true, Least: 1, Doc: doc}
}

func body(name, doc string) Attr {
	return Attr{Name: name, Kind: KindGraph, Required: true, Doc: doc}
}

// codecAttrs name the codec of an edge.
var codecAttrs = []Attr{{Name: "codec", Kind: KindText, Required: true,
	Doc: "the codec's name, perhaps with an argument behind a colon"},
	{Name: "version", Kind: KindInt, Required: true, Least: 1, Doc: "the codec's version"}}

var done = ports(out("done", types.Trigger()))

// flowOps pass values on, hold them back, and choose between them.
var flowOps = []Decl{
	{Name: "PassThrough", Doc: "Gives its value on.",
		In: ports(in("value", types.Any())), Out: ports(out("value", types.Any())), Rule: same, Nature: Pure},
	{Name: "Tee", Doc: "Gives its value on several times.",
		In: ports(in("value", types.Any())), Out: ports(some("values", types.Any())), Rule: same, Nature: Pure},
	{Name: "Constant", Doc: "Gives a literal in each activation that reads it.",
		Out: ports(out("value", types.Any())), Rule: literal, Nature: Pure,
		Attrs: []Attr{{Name: "value", Kind: KindLiteral, Required: true,
			Doc: "the literal, of any type; a trigger makes a pulse"}}},
	{Name: "Gate", Doc: "Gives its value on once the trigger came.",
		In: ports(in("value", types.Any()), in("open", types.Trigger())), Out: ports(out("value", types.Any())),
		Rule: same, Nature: Pure},
	{Name: "Sleep", Doc: "Gives its value on after a delay, by a persistent timer.", Deferred: true,
		In: ports(in("value", types.Any())), Out: ports(out("value", types.Any())), Rule: same, Nature: Stateful,
		Attrs: []Attr{span("delay", "how long the value is held")}},
	{Name: "Threshold", Doc: "Fires after n of its values arrived.",
		In: ports(anyOf("values", types.Any())), Out: done, Nature: Stateful,
		Attrs: []Attr{number("n", "how many values must arrive, at most all")}},
	{Name: "Any", Doc: "Gives on the first of its values that arrives sound, once in an activation.",
		In: ports(anyOf("values", types.Any())), Out: ports(out("value", types.Any())), Rule: joined, Nature: Stateful},
	{Name: "AnyOnce", Doc: "Gives its value on for the first arrival of each key, and never again for that key.",
		In: ports(in("value", types.Any()), in("key", types.Any())), Out: ports(out("value", types.Any())), Rule: same,
		Nature: Stateful,
		Attrs:  []Attr{scoped("the latch that remembers the keys")}},
	{Name: "Limit",
		Doc:      "Takes one of n permits, and waits when none is free; it is given back when the activation ends.",
		Deferred: true,
		In:       ports(in("trigger", types.Trigger())), Out: ports(out("permit", types.Trigger())), Nature: Stateful,
		Attrs: []Attr{scoped("the permits' name"), number("n", "how many there are")}},
	{Name: "Release", Doc: "Gives a permit back before the activation ends.",
		In: ports(in("permit", types.Trigger())), Out: done, Nature: Stateful,
		Attrs: []Attr{scoped("the permits' name")}},
	{Name: "QueuePut", Doc: "Puts a value at the end of a bounded queue, and waits while it is full.", Deferred: true,
		In: ports(in("value", types.Any())), Out: done, Nature: Stateful,
		Attrs: []Attr{scoped("the queue's name"), number("n", "how many values it holds")}},
	{Name: "QueueTake", Doc: "Takes the first value of a queue, and waits while it is empty.", Deferred: true,
		In: ports(in("trigger", types.Trigger())), Out: ports(out("value", types.Any())), Nature: Stateful,
		Attrs: []Attr{scoped("the queue's name")}},
	{Name: "HoldPut", Doc: "Holds a value in place of the one that was held.",
		In: ports(in("value", types.Any())), Out: done, Nature: Stateful,
		Attrs: []Attr{scoped("the hold's name")}},
	{Name: "HoldTake", Doc: "Takes the held value, and waits while there is none.", Deferred: true,
		In: ports(in("trigger", types.Trigger())), Out: ports(out("value", types.Any())), Nature: Stateful,
		Attrs: []Attr{scoped("the hold's name")}},
	{Name: "Bundle", Doc: "Makes one list of its values.",
		In: ports(some("values", types.Any())), Out: ports(out("list", types.List())), Rule: bundled, Nature: Pure},
	{Name: "Unbundle", Doc: "Gives the items of a list, each at its own output.",
		In: ports(in("list", types.List())), Out: ports(some("items", types.Any())), Rule: unbundled, Nature: Pure},
	{Name: "Deadline",
		Doc: "Gives its value on, or fires the other output when it did not come in time; armed by the " +
			"activation's start.",
		Deferred: true, In: ports(in("value", types.Any())), Out: ports(out("value", types.Any()),
			out("expired", types.Trigger())), Rule: same, Nature: Stateful,
		Attrs: []Attr{span("delay", "time from the activation's start")}},
	{Name: "Catch", Doc: "Gives its value on where it is sound; a failure fires the other output and is handled.",
		Deferred: true, In: ports(in("value", types.Any())), Out: ports(out("value", types.Any()),
			out("failure", types.ListsOf(types.String()))), Rule: same, Nature: Stateful},
	{Name: "Encode", Doc: "Makes of a value what travels in its place along an edge that names a codec.",
		Internal: true,
		In:       ports(in("value", types.Any())), Out: ports(out("encoded", types.Any())), Nature: Pure,
		Attrs: codecAttrs},
	{Name: "Decode", Doc: "Makes of what travelled the value again, as far as the codec keeps it.", Internal: true,
		In: ports(in("encoded", types.Any())), Out: ports(out("value", types.Any())), Nature: Pure, Attrs: codecAttrs},
	{Name: "Fail", Doc: "Fails, and with it everything that depends on its output.",
		In: ports(in("value", types.Any())), Out: ports(out("failed", types.Any())), Nature: Stateful,
		Attrs: []Attr{{Name: "code", Kind: KindText, Required: true, Doc: "the failure's code"}}},
}

// frameOps call bodies: each call has a child frame of its own. A body reads values of the functions around it by name;
// the compiler passes them in.
var frameOps = []Decl{
	{Name: "If", Doc: "Runs one of two bodies.", Deferred: true,
		In: ports(in("condition", types.Bool())), Out: ports(many("results", types.Any())), Rule: branched,
		Nature: Stateful,
		Attrs: []Attr{body("then_branch", "runs when the condition is true; no inputs"),
			body("else_branch", "runs when it is false; no inputs")}},
	{Name: "Loop",
		Doc:      "Runs its body count times, one after the other; the carried values go from each run to the next.",
		Deferred: true,
		In:       ports(in("count", types.Int()), many("carried", types.Any())),
		Out:      ports(many("carried", types.Any())),
		Rule:     carried, Nature: Stateful,
		Attrs: []Attr{body("body",
			"inputs: the run's number from 0, then the carried values; outputs: the carried values")}},
	{Name: "Call", Doc: "Runs its body once in a child frame.", Deferred: true,
		In: ports(many("values", types.Any())), Out: ports(many("results", types.Any())), Rule: branched,
		Nature: Stateful,
		Attrs:  []Attr{body("body", "inputs: the values; outputs: the results")}},
}

// hostOps read the node's clock, its random source and its tables, and talk to the host.
var hostOps = []Decl{
	{Name: "Clock", Doc: "Gives the engine time in nanoseconds.",
		In: ports(in("trigger", types.Trigger())), Out: ports(out("time", types.Int())), Nature: Stateful},
	{Name: "Random", Doc: "Gives 64 bits of the node's random source, which is in its snapshot.",
		In: ports(in("trigger", types.Trigger())), Out: ports(out("bits", types.Int())), Nature: Stateful},
	{Name: "Correlate", Doc: "Gives a fresh idempotency key.",
		In: ports(in("trigger", types.Trigger())), Out: ports(out("token", types.String())), Nature: Stateful},
	{Name: "AppEmit", Doc: "Gives the host a numbered event, again until the host has stored it.",
		In: ports(in("value", types.Any())), Out: done, Nature: Stateful, Attrs: []Attr{name("the event's name")}},
	{Name: "Publish", Doc: "Puts an event on the bus of the node.",
		In: ports(in("value", types.Any())), Out: done, Nature: Stateful,
		Attrs: []Attr{{Name: "kind", Kind: KindText, Required: true, Doc: "the kind of event"}}},
	{Name: "Count", Doc: "Adds one to a counter that the host can read.",
		In: ports(in("trigger", types.Trigger())), Out: done, Nature: Stateful,
		Attrs: []Attr{name("the counter's name")}},
	{Name: "Record", Doc: "Puts a value in a ring buffer that the host can read.",
		In: ports(in("value", types.Any())), Out: done, Nature: Stateful,
		Attrs: []Attr{name("the ring buffer's name")}},
}

// openerOps start activations of their own. Of everything that is connected to it within its place, one opener at most.
var openerOps = []Decl{
	{Name: "Interval", Doc: "Starts an activation with each tick of a persistent timer.",
		Out: ports(out("tick", types.Int())), Nature: Opener, Place: AtPlace,
		Attrs: []Attr{span("period", "time between ticks"),
			{Name: "spread", Kind: KindFlag, Default: int64(0),
				Doc: "the first tick comes at a time within the period that each node draws for itself"}}},
	{Name: "EventSource", Doc: "Starts an activation for each event of a kind on the bus of the node.",
		Out: ports(out("value", types.Any())), Nature: Opener, Place: AtPlace,
		Attrs: []Attr{{Name: "kind", Kind: KindText, Required: true, Doc: "the kind of event"}}},
	{Name: "Lifecycle", Doc: "Starts an activation when a phase of the node is fired, such as snapshot or shutdown.",
		Out: ports(out("fired", types.Trigger())), Nature: Opener, Place: AtPlace,
		Attrs: []Attr{{Name: "phase", Kind: KindText, Required: true, Doc: "the phase"}}},
	{Name: "Invoke", Doc: "Starts an activation for each call of that name by the host.",
		Out: ports(some("values", types.Any())), Nature: Opener, Place: AtPlace,
		Attrs: []Attr{name("the name that the host calls")}},
}
