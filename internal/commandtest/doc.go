// Package commandtest runs the command rhizome as users have it, for tests: it is built once for each package of them,
// started in processes of its own, killed, and what it says is read. Its functions fail the test where the machine does
// not do as it should; none is safe for concurrent use by one test.
package commandtest
