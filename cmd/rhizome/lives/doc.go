// Package lives tries the command rhizome over many lives: killed at any moment, its newest file cut short, its
// directory copied, moved, or not what it was. It holds tests alone.
package lives
