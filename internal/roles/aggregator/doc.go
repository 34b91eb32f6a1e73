// Package aggregator merges the updates of a round into one, as the component kind "fedavg" version 1: the mean of the
// updates, weighted by how many samples each was trained on (McMahan and others, "Communication-Efficient Learning of
// Deep Networks from Decentralized Data", 2017).
//
// The sum is exact and therefore does not depend on the order of arrival (trap unordered-sum): each element is rounded
// once, half to even, to a multiple of 2^-64, multiplied by the samples as an integer, and added to a signed 128-bit
// integer. The mean is the exact quotient, rounded once to float32. With |x| < 2^20, samples < 2^24 and at most 2^16
// contributions a sum stays below 2^124, so nothing can overflow.
//
// Ops of the component:
//
//	Contribute(round Int, who Peer, update List, samples Int) → trigger
//	Mean(round Int, members List)                             → mean List, total Int, members List, count Int
//	Trust(round Int, members List, root List)                 → mean List, total Int, members List, count Int
//	Aggregate(round Int, members List)                        → mean List, total Int
//
// Contribute asks the rounds component whether the peer may still contribute, holds the samples against what the
// registry knows of the peer (trap declared-weight), folds the update in and settles the peer, all in one step of the
// engine: a contribution is counted and folded, or neither. A refused one changes nothing (trap buffer-before-sum). The
// fold is state, so that no update is lost with the process (trap held-updates), and an open round costs two words per
// element however many contribute (trap copied-message).
//
// An update that is too large for one message is lent: its contribution is checked and settled like any other, and Mean
// gathers the updates of the members chunk by chunk, so that the component holds one model however many members there
// are. The parameters of the model are given up meanwhile. Sound looks at an update where it was made, so that none is
// lent that cannot be added.
//
// With Config.Combine the updates become one by a strategy that needs all of them at once, such as the median, and not
// by the exact sum: whole updates are kept until the round closes, and of those that are lent the chunks under way.
//
// A strategy that judges updates as wholes, such as Krum, weighs them by their distances from each other and from the
// parameters before; those that are lent are gathered twice then, and the model keeps its parameters. An update that
// weighs nothing is counted as "weightless", and a member that gives other chunks the second time as "turned".
//
// One that judges updates by the server's own training (strategy.Strategy.Root) has Trust in the place of Mean, with
// what that made of the parameters of before; see root.go.
//
// With Config.Passes it gives sums and not means, to an aggregator that adds them up by AddSum; see edge.go.
//
// Tensors that hold variances, by Config.Variances, are refused with a number below 0.
//
// Mean computes the mean first and then closes the round. A round in which nobody contributed fails.
package aggregator
