// Package processes runs all nodes of a federated job on this machine, each as a process of its own, over loopback
// sockets: a server and its clients, which are this very program with the commands server and join.
//
// A process that is killed or that fails is started again, soon at first and then at longer intervals; one that says by
// exit code 2 that it cannot use what it was given ends the run. When this process ends, by whatever, so do the others:
// on Linux the kernel kills them, and everywhere they notice that their standard input has ended. The same run goes on
// from the directory.
package processes
