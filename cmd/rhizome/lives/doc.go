// Package lives tries the command rhizome over many lives: killed at any moment, its newest file cut short, its
// directory copied, moved, brought back from a backup, or not what it was. It holds tests alone.
package lives
