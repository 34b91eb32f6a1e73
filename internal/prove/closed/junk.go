package closed

import (
	"fmt"
	"math/rand/v2"

	"github.com/rhizome-ml/rhizome/internal/engine"
	"github.com/rhizome-ml/rhizome/internal/host"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

// junk has a host judge two peers: one that sends only what no node ever sends, and one that sends what an honest node
// may come to send. The one is cut within the bound, and again when it comes back; the other never is.
func junk(seed uint64) error {
	rng := rand.New(rand.NewPCG(seed, 0xd1))
	lim := host.Junk{Frames: 16 + rng.IntN(100)}
	c, err := host.NewConduct(lim)
	if err != nil {
		return err
	}
	bad := []string{engine.RefusedFormat, engine.RefusedVersion, engine.RefusedAddress, engine.RefusedDigest,
		engine.WastedEdge, engine.WastedMessage}
	fair := []string{engine.RefusedFull, engine.RefusedPressure, engine.WastedStale}
	now := int64(1)
	for range 4 {
		sent := 0
		for c.Admit("bad", now) == nil {
			if sent++; sent > lim.Frames {
				return fmt.Errorf("junk, seed %d: a peer that sent %d frames of junk alone is not cut", seed, sent)
			}
			c.Refused("bad", bad[rng.IntN(len(bad))], "", 1, now)
			if cut := c.Refused("fair", fair[rng.IntN(len(fair))], "", 1, now); cut != nil {
				return fmt.Errorf("junk, seed %d: an honest peer is cut: %v", seed, cut)
			}
			c.Took("fair", rng.IntN(2))
		}
		out := c.Out(now)
		if len(out) != 1 || out[0].Peer != wire.PeerID("bad") {
			return fmt.Errorf("junk, seed %d: kept out are %+v", seed, out)
		}
		if now += int64(out[0].For); c.Admit("bad", now) != nil {
			return fmt.Errorf("junk, seed %d: a peer is kept out for longer than was said", seed)
		}
	}
	return nil
}
