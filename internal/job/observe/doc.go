// Package observe reads from nodes of a job with a server what they tell and know: rounds that are over, what a server
// waits for, which clients it has heard, and what it measures of them. Each function reads a node, so it runs in the
// node's thread.
package observe
