// Package backups tries the command rhizome on backups of runs and nodes that train, are killed or stand still, and on
// what goes on from them. It holds tests alone.
package backups
