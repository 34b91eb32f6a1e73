// Package strategy is how a federated job learns: what a client makes of its gradients, how the updates of a round
// become one, what the server makes of that, and what it keeps from round to round. A strategy is one file of this
// package and its test. A job names it, with its settings behind it:
//
//	strategy: fedavgm momentum=0.9 rate=1
//
// The built-in ones are
//
//   - fedavg: the mean of the clients' parameters, weighted by their samples, is the new model;
//   - fedavgm momentum=0.9 rate=1: the server steps towards the mean, with momentum;
//   - fedprox mu=0.01: clients are drawn back to the parameters that the round began with;
//   - fedadam, fedyogi, fedadagrad rate=0.1: the server steps along the mean by an optimizer of its own;
//   - diloco rate=0.7 momentum=0.9: clients train for long, the server steps with Nesterov's momentum;
//   - scaffold: clients and server keep control variates, which take from steps what a client's data draws aside;
//   - feddyn alpha=0.1: clients keep the gradient that they ended with, and are drawn back to where they began;
//   - fednova: what a client changes counts by step, however many it took;
//   - qfedavg q=0.2: clients weigh the more, the greater their loss is;
//   - fedbuff buffer=10 power=0.5, and fedasync rate=0.6 power=0.5: no rounds, each client trains at its own pace, and
//     its update weighs by how many versions old the parameters are that it began with;
//   - semisync power=0.5: rounds that close by the job's quorum, grace and deadline, and whoever is late counts in the
//     next one, by its age;
//   - fedper layers=1: the last layers stay at each client, which trains its own;
//   - ditto lambda=0.1: each client has a model of its own as well, which is drawn to the one of all;
//   - fedbn: scale, shift and statistics of BatchNormalization stay at each client;
//   - fedrep layers=1 first=5: likewise, trained one after the other in each round;
//   - median, and trimmed-mean share=0.2: what a few clients say cannot draw a parameter away;
//   - krum f=1, multi-krum f=1 keep=0, and bulyan f=1: updates that are far from the others do not count;
//   - geometric-median steps=8: nor can less than half of them draw the model as a whole away;
//   - fltrust: the server trains on a few samples of its own, and an update counts by how much it goes the same way;
//   - norm-clipping norm=1, and centred-clipping radius=1 steps=3: no client moves the model further than that.
//
// Jobs without a server name theirs here as well, and their kind records them, so that there is nothing in them for a
// choreography of one's own: gossip-learning, and in rounds in step d-psgd and choco-sgd step=0.6 share=0.25.
//
// A strategy is written over whole parameters. It does not know how large they are, whether they travel in chunks, or
// who was killed on the way: Server, Local and Client record ops with package graph, which run like those of any
// program, with the same bits on every machine and through any interruption. Combine is plain Go, and called with some
// elements of all clients at a time; so is Judge, which weighs updates as wholes by the distances between them.
//
// What a client sends is weighted as its update is. Where a paper weighs clients alike, a job says so with weighting:
// uniform; by samples, what it proves holds for the mean of the losses by samples. What clients keep they keep by
// themselves: one that comes anew, or in the place of another, begins with zeros.
//
// A choreography of one's own takes any strategy: Parse reads the text that names one of this package, and With chooses
// the settings of a Strategy that is made in place. What comes of either has the five calls that a round needs. Begin
// records what the server keeps before the first round, Gradients stands in a client's step, Answer behind its last
// one, and Next behind what the updates became. Fold makes that of the updates, by Combine or as the exact mean: the
// component at the server that takes the updates calls it when those of a round are there, and nobody else does in a
// choreography of one's own. (In a federated job the built-in aggregator calls Combine.) The example "strategy" of
// package rhizome does so. Where there is Judge, that component calls Weigh in its place. Where there is Stale, it says
// what an update weighs beside its samples, and Server.Fresh what those of a version weighed.
package strategy
