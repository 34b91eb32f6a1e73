// Package chunked holds the parameters of a model that is too large for one message, as the component kind "chunked"
// version 1 at the server: clients take them in chunks, and the mean of the updates is gathered in chunks. The clients' side
// is package copied.
//
// Only the chunks that are under way are summed, each exactly, as package aggregator does it: the mean of a chunk has the
// very bits that it has when the whole is summed. So the server holds the model once, and besides a few chunks, however
// many clients there are.
//
// Gathering forgets the old parameters when it begins: the mean is made of the updates alone, and whoever is a member has
// taken the old ones. All chunks are the mean of one set of members. When a member holds up the others for longer than the
// deadline, it is dropped and gathering begins again with those who are left; without a deadline it waits, as rounds do.
//
// Ops of the component:
//
//	Offer(round Int, opened trigger)                           → chunks Int
//	Chunk(round Int, chunk Int)                                → Tensor         fails late when the round is not offered
//	Gather(round, attempt Int, members List, weights List)     → chunks Int     0 when all are there
//	Ask(round, attempt, chunk Int)                             → peers List     waits for room in the window
//	Fold(context List of round, attempt, chunk; who Peer, Tensor) → trigger
//	Gathered(round, attempt Int, asked trigger)                → trigger        waits until all are there, or the attempt is given up
//	Members(round Int, gathered trigger)                       → members List, count Int
//	Parameters(trigger)                                        → List of Tensor
//	Export(List)                                               → Bytes
package chunked
