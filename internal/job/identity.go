package job

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/rhizome-ml/rhizome/internal/wire"
)

// LocalPeer returns the peer id of a node of a local run. Its ed25519 key is derived from the job's seed and the node's
// name alone, so that a run is the same each time. Such a key is no secret: it serves runs within one process only,
// where nobody has to prove who they are.
func LocalPeer(seed uint64, node string) (wire.PeerID, error) {
	b := binary.LittleEndian.AppendUint64([]byte("rhizome local identity\x00"), seed)
	key := sha256.Sum256(append(b, node...))
	public, ok := ed25519.NewKeyFromSeed(key[:]).Public().(ed25519.PublicKey)
	if !ok {
		return "", fmt.Errorf("job: no key for %s", node)
	}
	return wire.PeerIDFromPublicKey(public)
}

// ServerName is the server's name and directory; ClientName is that of client i.
const ServerName = "server"

// ClientName is the name of client i.
func ClientName(i int) string { return fmt.Sprintf("client-%02d", i) }

// ClientNumber returns the number of the client of a name, and whether it is one that ClientName gives.
func ClientNumber(name string) (int, bool) {
	i, err := strconv.Atoi(strings.TrimPrefix(name, "client-"))
	return i, err == nil && i >= 0 && ClientName(i) == name
}

// EdgeName is the name of edge i, between clients and server.
func EdgeName(i int) string { return fmt.Sprintf("edge-%02d", i) }

// IsNode says whether that is the name of a node of a run, of whatever number.
func IsNode(name string) bool {
	kind, digits, numbered := strings.Cut(name, "-")
	if !numbered {
		return name == ServerName
	}
	i, err := strconv.Atoi(digits)
	return err == nil && i >= 0 && (kind == "client" && ClientName(i) == name || kind == "edge" && EdgeName(i) == name)
}

// NodeNames returns the names of all nodes of a run, the server first.
func NodeNames(clients int) []string {
	out := []string{ServerName}
	for i := range clients {
		out = append(out, ClientName(i))
	}
	return out
}

// NodesOf returns the names of all nodes of a run of a job: the server, its clients, and the edges between them.
func NodesOf(a About) []string {
	out := NodeNames(a.Clients)
	for i := range a.Edges {
		out = append(out, EdgeName(i))
	}
	return out
}

// WithoutEdges returns nil where the clients of a job speak to its server themselves, and else a *ConfigError that says
// what wants it so.
func WithoutEdges(j Job, wants string) error {
	n := j.About().Edges
	if n == 0 {
		return nil
	}
	return &ConfigError{Key: "edges", Value: strconv.Itoa(n),
		Want: "0 for " + wants + ": edges are there in rhizome run, in one process, in rhizome server and in rhizome " +
			"sim"}
}
