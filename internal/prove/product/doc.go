// Package product sends strangers at the program as its users run it: a server, clients and nodes without a server as
// processes, and ends of the transport that keep to no rule. None gains anything, and the job ends with the model that
// nobody disturbed.
package product
