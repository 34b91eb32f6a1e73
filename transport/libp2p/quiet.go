package libp2p

import (
	"log/slog"
	"os"

	"github.com/libp2p/go-libp2p/gologshim"
)

// What libp2p has to say reaches a node's user as errors, reports and counters of this package; its own log is for
// those who ask for it by its own variable.
func init() {
	if os.Getenv("GOLOG_LOG_LEVEL") == "" {
		gologshim.SetDefaultHandler(slog.DiscardHandler)
	}
	if os.Getenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING") == "" {
		os.Setenv("QUIC_GO_DISABLE_RECEIVE_BUFFER_WARNING", "true")
	}
}
