// Package files tries the command rhizome on models and data of one's own: tables, texts, arrays, images and models in
// files, in one process, with a process per node, and with clients who bring their own. It holds tests alone.
package files
