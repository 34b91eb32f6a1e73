// Package conditions reads what a simulated world is like from the files of its users: a network file says how links
// and machines behave at all times, a faults file what strikes them, how often, and when.
//
// Both are small YAML files. The networks that are built in (lan, wan, edge, lossy; folder presets) and the
// sets of faults (churn, storm; folder faultsets) are such files too, and show every key.
package conditions
