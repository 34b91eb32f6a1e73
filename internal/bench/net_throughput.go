package bench

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// netPacket is the size of the packets by which throughput is measured: that of a chunk of a large tensor.
const netPacket = 1 << 20

// bareProtocol is the protocol of a stream that nothing of ours frames.
const bareProtocol = "/rhizome/bench/1"

// netThroughput measures what Send carries from one process to another, against a bare stream of the same connection.
func netThroughput(r *netRun, emit func(Metric)) error {
	for _, kind := range []struct {
		name string
		quic bool
	}{{"send_mb_per_s", false}, {"send_mb_per_s_quic", true}} {
		var sent, bare []float64
		for range r.Repeat {
			spec := netSpec{Role: "sink", QUIC: kind.quic, Bytes: r.Stream}
			sink, said, err := r.start(spec)
			if err != nil {
				return err
			}
			spec.Role, spec.Index, spec.Server = "source", 1, said.Addresses
			source, _, err := r.start(spec)
			if err != nil {
				return sink.stop(err)
			}
			for _, into := range []*[]float64{&bare, &sent} {
				a, next := source.next()
				if err = next; err != nil {
					break
				}
				*into = append(*into, float64(r.Stream)/1e6/a.Seconds)
			}
			if err := sink.stop(source.stop(err)); err != nil {
				return err
			}
		}
		slices.Sort(sent)
		slices.Sort(bare)
		emit(metric(netBench, kind.name, sent[r.Repeat/2], "MB/s", bare[r.Repeat/2],
			"a bare stream of the same connection").higher())
	}
	return nil
}

// netSink is the process that takes a bare stream, answers with a byte, then takes packets, and answers with a packet.
func netSink(spec netSpec, say func(netAnswer), over <-chan struct{}) error {
	return withEnd(spec, func(end *libp2p.Transport, _ *netDisk, in <-chan netArrival) error {
		end.Handle(bareProtocol, func(_ wire.PeerID, s transport.Stream) {
			buf := make([]byte, netPacket)
			for {
				if _, err := io.ReadFull(s, buf); err != nil {
					break
				}
			}
			s.Write([]byte{1})
		})
		say(netAnswer{Addresses: end.Addresses()})
		got := 0
		for {
			select {
			case a := <-in:
				if got += len(a.raw); got >= spec.Bytes {
					if err := end.Send(a.from, []byte{1}); err != nil {
						return err
					}
				}
			case <-over:
				return nil
			}
		}
	})
}

// netSource is the process that sends both, and tells how long each took.
func netSource(spec netSpec, say func(netAnswer), over <-chan struct{}) error {
	return withEnd(spec, func(end *libp2p.Transport, _ *netDisk, in <-chan netArrival) error {
		sink, err := netServer(spec)
		if err != nil {
			return err
		}
		end.Learn(sink, spec.Server)
		say(netAnswer{Ready: true})
		ctx, cancel := context.WithTimeout(context.Background(), netPatience)
		defer cancel()
		s, err := end.Open(ctx, sink, bareProtocol)
		if err != nil {
			return err
		}
		packet := make([]byte, netPacket)
		packets := (spec.Bytes + netPacket - 1) / netPacket
		began := time.Now()
		for range packets {
			if _, err := s.Write(packet); err != nil {
				return err
			}
		}
		if err := s.CloseWrite(); err != nil {
			return err
		}
		if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
			return err
		}
		say(netAnswer{Seconds: time.Since(began).Seconds()})
		s.Close()
		began = time.Now()
		for range packets {
			if err := end.Send(sink, packet); err != nil {
				return err
			}
		}
		select {
		case <-in:
			say(netAnswer{Seconds: time.Since(began).Seconds()})
		case <-over:
			return nil
		}
		<-over
		return nil
	})
}
