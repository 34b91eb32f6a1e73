// Package split is the kind of job by which a server and its clients train one model that is cut: a client has the part
// up to the cut, computes it on its own samples and sends what comes out; the server has the rest, and sends back the
// gradient. Clients take turns, and the part of the client goes from one to the next through the server. With a second
// cut the last part is the client's too, and its labels never leave it.
package split
