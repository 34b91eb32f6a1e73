// Package job says what a job is: its settings and how a job file says them, the kinds of job, the nodes of one, and
// what they tell.
//
// A job is of a kind. Each kind is a package of its own below internal/job/kinds, which lists them: it reads the
// settings, makes the one program for all places, and installs the nodes. What is done with a job stands beside: local
// runs all its nodes in one process, rundir is the directory of such a run, archive looks at runs and forks them,
// observe reads what nodes tell, install says what a node is made of.
package job
