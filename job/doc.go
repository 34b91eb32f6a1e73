// Package job turns the description of a job into nodes that run it.
//
// A federated job is a Config: plain settings, read from a YAML file (Parse) or built in (Builtin). Its choreography, written once
// for all places, is FedAvg over package graph (Config.Choreography); Config.Compile makes the artifact that every node
// of the job runs.
//
// A gossip job is a Gossip: nodes without a server that send their models to neighbours and merge what they get. A Swarm is
// what all its nodes in one process share, and says what each is installed with. A job file says which kind it is by the key
// kind.
//
// Local runs all nodes of a federated job in one process: one server and N clients, each with its own directory below the run's
// directory, an in-memory transport between them. Whatever ends the process, Local on the same directory goes on where it
// was, and the model that comes out is the same to the bit.
//
// # The directory of a run
//
//	lock          held by the process that runs
//	clearing      there while an earlier run is being removed
//	run.json      what runs here: job, options, digest of the artifact; checked before anything else is touched
//	server/       journal and snapshots of the server
//	client-00/ …  those of the clients
//	model.onnx    the trained model
//	result.json   the result, written after the model; the run is finished when it is there
//
// The last two can be made again at any time from the server's own state.
package job
