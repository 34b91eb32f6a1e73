package aggregator

import (
	"fmt"
	"slices"
	"strings"

	"github.com/rhizome-ml/rhizome/value"
)

// check says what is wrong with a state that was restored, and gives the chunks their place in one memory.
func (g *Gather) check(s *State, cfg *Config) error {
	if g == nil {
		return nil
	}
	i, open := s.find(g.Number)
	if !open || len(g.Members) == 0 || len(g.Members) > len(s.Rounds[i].Shares) {
		return fmt.Errorf("round %d is gathered of %d members, and is not open or has fewer", g.Number, len(g.Members))
	}
	for k := range g.Members {
		m := &g.Members[k]
		at, there := s.Rounds[i].share(m.Peer)
		if !there || k > 0 && m.Peer <= g.Members[k-1].Peer || m.lends() == nil ||
			s.Rounds[i].Shares[at].Samples != m.Samples {
			return fmt.Errorf("member %d, %q, is out of order, lends nothing, or did not contribute", k, m.Peer)
		}
	}
	parts := g.Members[0].lends().Layout()
	g.sheet = cfg.sheet(g.Members[0].lends())
	if err := g.sheet.Restore(g.Chunks); err != nil {
		return err
	}
	if err := g.Judging.check(g, cfg); err != nil {
		return err
	}
	if err := g.checkRoot(cfg); err != nil {
		return err
	}
	if g.sheet.Whole() || g.Next < 0 || g.Next > int64(g.sheet.Chunks()) || len(g.Sums) > windowMost {
		return fmt.Errorf("%d chunks are there, %d were asked for, of %d there are sums", g.sheet.There(), g.Next,
			len(g.Sums))
	}
	for k, p := range g.Sums {
		if p.Chunk < 0 || p.Chunk >= g.Next || k > 0 && p.Chunk <= g.Sums[k-1].Chunk ||
			g.had(int(p.Chunk)) {
			return fmt.Errorf("the sum of chunk %d is out of range or order, or not needed", p.Chunk)
		}
		n := g.sheet.Len(int(p.Chunk))
		if cfg.Combine != "" {
			if len(p.Parts) != len(p.From) || len(p.Sum.Shape) > 0 || slices.ContainsFunc(p.Parts,
				func(v value.Value) bool { return parts.Fits(int(p.Chunk), v) == nil }) {
				return fmt.Errorf("chunk %d has %d shares of %d members, or others than vectors of %d elements",
					p.Chunk, len(p.Parts), len(p.From), n)
			}
		} else if len(p.Parts) > 0 || p.Sum.Hi.Len() != n || p.Sum.Lo.Len() != n || !slices.Equal(p.Sum.Shape,
			[]int{n}) {
			return fmt.Errorf("the sum of chunk %d has shape %v and %d and %d words, want %d", p.Chunk, p.Sum.Shape,
				p.Sum.Hi.Len(), p.Sum.Lo.Len(), n)
		}
		for j, peer := range p.From {
			_, ok := slices.BinarySearchFunc(g.Members, peer,
				func(s Share, p string) int { return strings.Compare(s.Peer, p) })
			if !ok || j > 0 && peer <= p.From[j-1] {
				return fmt.Errorf("the sum of chunk %d: %q is no member, or out of order", p.Chunk, peer)
			}
		}
	}
	return nil
}
