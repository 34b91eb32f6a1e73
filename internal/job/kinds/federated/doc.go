// Package federated is the kind of job with a server that averages what its clients have trained. A Config is plain
// settings; its choreography, written once for all places, is FedAvg over package graph (Config.Choreography);
// Config.Compile makes the artifact that every node of the job runs.
package federated
