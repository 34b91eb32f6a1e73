// Package rounds decides who takes part in a round and when it is over, as the component kind "rounds" version 1.
//
// A round is opened with its cohort and closes when a quorum of the cohort has contributed. Whom it counts is fixed in
// that instant: later answers are late. Who answers twice is a duplicate, who is not of the cohort is a stranger; each
// is told apart by a failure with that code, also after the round closed, for the last rounds.
//
// With a deadline, a round that is still open then closes with those who contributed, if they are at least
// Config.Least; otherwise it stays open until they are. A round never fails for want of answers, so that a job that
// lost its clients for an hour goes on when they are back; Config.Empty has its deadline end it. Without a deadline it
// waits for its quorum.
//
// Ops of the component:
//
//	Open(round Int, cohort List)            → trigger
//	Await(round Int, opened trigger)        → members List   waits until the round closed; sorted
//
// The aggregator calls Accept and Settle beside it.
package rounds
