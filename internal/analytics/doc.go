// Package analytics is what may be asked of columns of data that stay where they are, and how the answers of many are
// put together: pure functions, which a component at each client and one at the server call.
//
// A Query is one question of a job. In each round the server says by an Ask what of it is to be counted, a client
// counts that over its rows into a Part, the server adds the parts to a Total, and when the round closes the Total
// either becomes an Answer or says what the next round asks.
//
// Parts are added exactly, so that no answer depends on the order in which they come:
//
//	counts                         whole numbers
//	sums and squares of float64    whole numbers of the least bit that they can have (package exact)
//	least and greatest             as they are
//	texts                          sets, with their counts
//
// Check holds a Part against all that the part of one client can be, before anything of it is added.
package analytics
