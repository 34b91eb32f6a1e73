// Package moments adds up what clients say of their features, so that all of them scale these alike, as the component
// kind "moments" version 1: of each feature the count, the sum and the sum of squares, and of those the mean and the
// standard deviation. Sums are exact: whatever the order in which they come, the constants have the same bits, and they
// are those of all the data at one place.
//
// The server sees the sums of each client. What cannot be sums of its samples is refused before anything is changed.
//
// Ops of the component:
//
//	Contribute(round Int, who Peer, counts, sums, squares Tensor) → trigger   once for each peer
//	Refuse(round Int, who Peer, failure List)                     → trigger
//	Constants(round Int, members List)                            → told List, shift Tensor, divide Tensor
//	Scale(trigger)                                                → shift Tensor, divide Tensor
//
// A component of the kind rounds beside it says who may contribute.
package moments
