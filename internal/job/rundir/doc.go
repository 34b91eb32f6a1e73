// Package rundir is the directory of a run in one process or of processes: what its files say, and how they are
// written.
//
// # The directory of a run
//
//	lock          held by the process that runs
//	clearing      there while an earlier run is being removed
//	run.json      what runs here: job, options, digest of the artifact; checked before anything else is touched
//	server/       journal and snapshots of the server
//	client-00/ …  those of the clients
//	model.onnx    the trained model
//	best.onnx     that of the best round, where the job keeps it
//	round_metrics.jsonl   a line for each round: its metrics, whom it counts with what weight, and whom it leaves out
//	metrics_summary.json  the last and the best of each metric, written at the end
//	result.json   the result, written after the model; the run is finished when it is there
//
// The last five can be made again at any time from the server's own state, the metrics of rounds that are long over
// without the clients.
package rundir
