// Package study runs a job in the simulator: the very nodes of a deployment, under virtual time, on networks and
// machines that behave as a user describes them, with faults at the rates that a user gives.
//
// A Study is one run. It watches the run from outside at a bounded number of times and changes nothing by watching, so
// the same options give the same bytes, which Result.Hash tells. It is thread-unsafe.
package study
