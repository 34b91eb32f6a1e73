package main

import (
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/deploy"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

func newRelay(c *console) *cobra.Command {
	o := deploy.RelayOptions{}
	var allow []string
	var json bool
	cmd := &cobra.Command{
		Use:   "relay",
		Short: "Carry what nodes behind address translators send each other",
		Long: `Carry what nodes behind address translators send each other. A relay knows of no job, and cannot read what it carries.
It stands where all reach it; nodes name it with --via, also those who only come to others over it. Where the translators
let them, the nodes soon go on without it; between two that choose a port for each peer it carries all there is.`,
		Example: `  rhizome relay --listen /ip4/0.0.0.0/udp/4001/quic-v1 --listen /ip4/0.0.0.0/tcp/4001
  rhizome server digits --via /ip4/192.0.2.7/udp/4001/quic-v1/p2p/12D3KooW…`,
		Args: cobra.NoArgs,
		RunE: does(func(cmd *cobra.Command, _ []string) error {
			for _, text := range allow {
				p := wire.PeerID(text)
				if err := p.Validate(); err != nil {
					return err
				}
				o.Allow = append(o.Allow, p)
			}
			v := &nodeView{c: c, json: json}
			o.Network, o.Notify = deploy.Libp2p, v.show
			return deploy.RunRelay(cmd.Context(), o)
		}),
	}
	flags := cmd.Flags()
	flags.SortFlags = false
	flags.StringVar(&o.Dir, "dir", filepath.Join(".rhizome", "relay"), "directory that holds the key of the relay")
	flags.StringSliceVar(&o.Listen, "listen", nil, "multiaddrs to listen at (default any port of all interfaces)")
	flags.StringSliceVar(&allow, "allow", nil, "peer ids of those who may use it (default anybody)")
	flags.BoolVar(&json, "json", false, "write one JSON object per line and nothing else")
	return cmd
}
