// Package deploy runs the nodes of a job in processes of their own: a server that gives its job away and waits for
// clients, and clients that take it from there, each with a directory that holds all that it is and knows.
//
// # The directory of a node
//
//	process.lock         held by the process that runs the node
//	identity.key         who the node is; see package identity
//	node.json            the job, who the others are, where the node listens; written in one step, with a checksum
//	invitations.json     of a server: its invitations, without their secrets; see package invitation
//	calls.json           before the first start: what the operator said meanwhile
//	artifact.onnx        the program, checked against its digest at each start
//	journal-*, snapshot-*, incarnation, lock, …   the node's state; see package host
//	model.onnx, result.json                       the result, at a server
//
// Whatever ends the process, the same command on the same directory goes on where it was.
//
// # The streams beside the envelopes
//
//	/rhizome/job/1    a client asks for the job; see package exchange
//	/rhizome/watch/2  a client hears from the server how the job goes on, what it waits for, and that it is done or has failed;
//	                  it keeps this stream open, and opens it anew whenever it breaks, which also brings the link back
//	/rhizome/watch/1  the same of the release before, which has no word for waiting and failing
//	/rhizome/call/1   a server that came back tells a client where it is now
//
// Peers of a job without a server need no streams beside the envelopes: each compiles the job that its operator named.
// They meet on the topic rhizome/peers/DIGEST of the overlay, where each says where it is; whom they talk to, the
// component discovery decides.
package deploy
