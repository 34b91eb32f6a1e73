// Package engines tries the files in deploy/: that Slurm and Kubernetes run the command as they say. It holds tests
// alone.
package engines
