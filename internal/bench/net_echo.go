package bench

import (
	"path/filepath"
	"time"

	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
	"github.com/rhizome-ml/rhizome/transport/libp2p"
)

// netDisk writes packets one after the other into a file of zeros and has them durable: what no node can do without.
type netDisk struct {
	file vfs.File
	at   int64
}

// netDiskBytes is the size of the file, which is written over and over.
const netDiskBytes = 8 << 20

func openNetDisk(dir string) (*netDisk, error) {
	if dir == "" {
		return nil, nil
	}
	fsys := vfs.OS()
	if err := fsys.MkdirAll(dir); err != nil {
		return nil, err
	}
	f, err := fsys.Create(filepath.Join(dir, "packets"))
	if err != nil {
		return nil, err
	}
	d := &netDisk{file: f}
	if err = f.Preallocate(netDiskBytes); err == nil {
		err = f.Sync()
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}

// put makes packets durable, or does nothing where there is no disk.
func (d *netDisk) put(packets ...[]byte) error {
	if d == nil {
		return nil
	}
	for _, p := range packets {
		if d.at+int64(len(p)) > netDiskBytes {
			d.at = 0
		}
		if _, err := d.file.WriteAt(p, d.at); err != nil {
			return err
		}
		d.at += int64(len(p))
	}
	return d.file.Datasync()
}

func (d *netDisk) close() {
	if d != nil {
		d.file.Close()
	}
}

// netEcho is the process that sends back what it gets, once it is durable.
func netEcho(spec netSpec, say func(netAnswer), over <-chan struct{}) error {
	return withEnd(spec, func(end *libp2p.Transport, disk *netDisk, in <-chan netArrival) error {
		hub, err := netServer(spec)
		if err != nil {
			return err
		}
		end.Learn(hub, spec.Server)
		if err := end.Send(hub, []byte{0}); err != nil { // so that the hub knows the way
			return err
		}
		say(netAnswer{Ready: true})
		for {
			select {
			case a := <-in:
				if err := disk.put(a.raw); err != nil {
					return err
				}
				if err := end.Send(hub, a.raw); err != nil {
					return err
				}
			case <-over:
				return nil
			}
		}
	})
}

// netHub is the process that sends to all echoes and waits for all answers, each time anew, and tells how long that
// took.
func netHub(spec netSpec, say func(netAnswer), over <-chan struct{}) error {
	back := make(chan []byte, 2*netNodes)
	receiver := newNetReceiver()
	end, err := netEnd(spec, receiver)
	if err != nil {
		return err
	}
	defer end.Close()
	hello := make(chan wire.PeerID, netNodes)
	receiver.bind(nil, func(from wire.PeerID, raw []byte) {
		if len(raw) == 1 {
			hello <- from
			return
		}
		back <- raw
	})
	disk, err := openNetDisk(spec.Dir)
	if err != nil {
		return err
	}
	defer disk.close()
	say(netAnswer{Addresses: end.Addresses()})
	var to []wire.PeerID
	for len(to) < netNodes-1 {
		select {
		case p := <-hello:
			to = append(to, p)
		case <-over:
			return nil
		}
	}
	message := make([]byte, spec.Bytes)
	var began time.Time
	var cpu float64
	for i := range spec.Warm + spec.Rounds {
		if i == spec.Warm {
			began, cpu = time.Now(), processorTime()
		}
		for _, p := range to {
			if err := end.Send(p, message); err != nil {
				return err
			}
		}
		got := make([][]byte, 0, netNodes)
		for range to {
			select {
			case raw := <-back:
				got = append(got, raw)
			case <-over:
				return nil
			}
		}
		if err := disk.put(got...); err != nil {
			return err
		}
	}
	say(netAnswer{Seconds: time.Since(began).Seconds(), CPU: processorTime() - cpu})
	<-over
	return nil
}

// netArrival is a packet that came.
type netArrival struct {
	from wire.PeerID
	raw  []byte
}

// withEnd opens an end and a disk, and gives them to f with what comes in.
func withEnd(spec netSpec, f func(end *libp2p.Transport, disk *netDisk, in <-chan netArrival) error) error {
	in := make(chan netArrival, 64)
	closing := make(chan struct{})
	receiver := newNetReceiver()
	receiver.bind(nil, func(from wire.PeerID, raw []byte) {
		select {
		case in <- netArrival{from, raw}:
		case <-closing:
		}
	})
	end, err := netEnd(spec, receiver)
	if err != nil {
		return err
	}
	defer end.Close()
	defer close(closing) // before Close, which waits for the receiver
	disk, err := openNetDisk(spec.Dir)
	if err != nil {
		return err
	}
	defer disk.close()
	return f(end, disk, in)
}
