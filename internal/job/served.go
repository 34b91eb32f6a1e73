package job

// The places of a job.
const (
	ServerPlace  = "server"
	ClientsPlace = "clients"
	EdgesPlace   = "edges" // between the two, where there is something
)

// The names of what the server tells the host, and of what it keeps for it.
const (
	// list: Int round from 0, accuracy and loss (scalars), list of members, confusion
	EventRound         = "round"
	EventDone          = "done"          // list: the last EventRound, the model as an ONNX file
	RecordRounds       = "rounds"        // ring of lists: Int round from 0, accuracy, loss
	RecordDone         = "done"          // ring that holds the EventDone
	CountContributions = "contributions" // counter of accepted updates
)
