// Package copied is a client's side of a model that is too large for one message, as the component kind "copied" version 1:
// it puts the parameters of a round together from chunks, and keeps the client's update until the server has taken it in
// chunks. The server's side is package chunked.
//
// Both are state: a client that is restarted in the middle goes on with the chunks that it has, and no update is lost with
// the process (trap 38). The update of a round is kept until the next round begins.
//
// Ops of the component:
//
//	Expect(round Int)                              → trigger
//	Room(round, chunk Int)                         → trigger          waits for room in the window
//	Take(context List of round and chunk; Tensor)  → trigger
//	Whole(round Int, asked trigger)                → List of Tensor   waits for all chunks
//	Keep(round Int, update List)                   → trigger
//	Part(round, chunk Int)                         → Tensor
package copied
