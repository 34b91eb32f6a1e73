// Package evaluation is the kind of job by which clients judge a model on data of their own: a server sends them the
// parameters, each runs the model over all of its samples, one by one, and answers with counts. The server tells the
// exact totals of a round, and what each client found. Nothing is trained, and no sample leaves its client.
package evaluation
