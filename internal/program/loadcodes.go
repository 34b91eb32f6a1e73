package program

import "github.com/rhizome-ml/rhizome/internal/op"

// form says how an op of the catalogue is written in an artifact.
type form struct {
	code  Code
	label string // the attribute that becomes Op.Label
	n     string // the attribute that becomes Op.N
	delay string // the attribute that becomes Op.Delay
	edge  bool   // it has the attribute "edge"
	body  string // the attribute that becomes Op.Body
	other string // the attribute that becomes Op.Else
	value bool   // it has a literal
	codec bool   // it has a codec
}

// forms is how each op is written, by domain and name. Methods of components are not here: they are all OpComponent.
var forms = map[[2]string]form{
	{op.Flow, "PassThrough"}: {code: OpPassThrough},
	{op.Flow, "Tee"}:         {code: OpTee},
	{op.Flow, "Constant"}:    {code: OpConstant, value: true},
	{op.Flow, "Gate"}:        {code: OpGate},
	{op.Flow, "Sleep"}:       {code: OpSleep, delay: "delay"},
	{op.Flow, "Threshold"}:   {code: OpThreshold, n: "n"},
	{op.Flow, "Any"}:         {code: OpAny},
	{op.Flow, "AnyOnce"}:     {code: OpAnyOnce, label: "name"},
	{op.Flow, "Limit"}:       {code: OpLimit, label: "name", n: "n"},
	{op.Flow, "Release"}:     {code: OpRelease, label: "name"},
	{op.Flow, "QueuePut"}:    {code: OpQueuePut, label: "name", n: "n"},
	{op.Flow, "QueueTake"}:   {code: OpQueueTake, label: "name"},
	{op.Flow, "HoldPut"}:     {code: OpHoldPut, label: "name"},
	{op.Flow, "HoldTake"}:    {code: OpHoldTake, label: "name"},
	{op.Flow, "If"}:          {code: OpIf, body: "then_branch", other: "else_branch"},
	{op.Flow, "Loop"}:        {code: OpLoop, body: "body"},
	{op.Flow, "Call"}:        {code: OpCall, body: "body"},
	{op.Flow, "Clock"}:       {code: OpClock},
	{op.Flow, "Random"}:      {code: OpRandom},
	{op.Flow, "Correlate"}:   {code: OpCorrelate},
	{op.Flow, "Deadline"}:    {code: OpDeadline, delay: "delay"},
	{op.Flow, "Catch"}:       {code: OpCatch},
	{op.Flow, "Bundle"}:      {code: OpBundle},
	{op.Flow, "Unbundle"}:    {code: OpUnbundle},
	{op.Flow, "AppEmit"}:     {code: OpAppEmit, label: "name"},
	{op.Flow, "Publish"}:     {code: OpPublish, label: "kind"},
	{op.Flow, "Count"}:       {code: OpCount, label: "name"},
	{op.Flow, "Record"}:      {code: OpRecord, label: "name"},
	{op.Flow, "Encode"}:      {code: OpEncode, codec: true},
	{op.Flow, "Decode"}:      {code: OpDecode, codec: true},
	{op.Flow, "Fail"}:        {code: OpFail, label: "code"},

	{op.Wire, "Send"}:    {code: OpSend, edge: true},
	{op.Wire, "Request"}: {code: OpRequest, edge: true},
	{op.Wire, "Reply"}:   {code: OpReply, edge: true},

	{op.PeerDomain, "Insert"}:  {code: OpPeerInsert},
	{op.PeerDomain, "Drop"}:    {code: OpPeerDrop},
	{op.PeerDomain, "Lookup"}:  {code: OpPeerLookup},
	{op.PeerDomain, "Block"}:   {code: OpPeerBlock},
	{op.PeerDomain, "Unblock"}: {code: OpPeerUnblock},
	{op.PeerDomain, "Allow"}:   {code: OpPeerAllow},
	{op.PeerDomain, "Health"}:  {code: OpPeerHealth},
}
