package wires

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// Host is a network namespace of its own with one TUN device and one IPv4 address. It is safe for concurrent use.
type Host struct {
	tun  *os.File
	at   netip.Prefix
	last netip.Addr // the present address, where Move gave it
	do   chan task
	quit chan struct{} // closed by Close
	gone chan struct{} // closed when the thread of the namespace ends
	once sync.Once
}

// task is a call on the thread that is in the namespace.
type task struct {
	f    func() error
	done chan error
}

// device is the name of a host's only link, and the size of its largest packet.
const (
	device = "wire0"
	mtu    = 1500
)

// NewHost makes a namespace in which this address, and all others of its prefix, is reached over a Wire. It wants the
// rights of root; where the machine does not give them the error is an *UnavailableError.
func NewHost(at netip.Prefix) (*Host, error) {
	h := &Host{at: at, last: at.Addr(), do: make(chan task), quit: make(chan struct{}), gone: make(chan struct{})}
	ready := make(chan error)
	go h.live(at, ready)
	if err := <-ready; err != nil {
		return nil, err
	}
	return h, nil
}

// Port is where the host is joined to a Wire.
func (h *Host) Port() Port { return Port{h.tun, h.at} }

// Afar has the host send over its wire also what is for addresses beyond its prefix.
func (h *Host) Afar() error { return h.run("", "ip", "route", "replace", "default", "dev", device) }

// Move gives the host another address before it takes the one before, as a machine does that goes from one network to
// another: no packet finds the host without an address. Only one may call it at a time, and not beside Readdress.
func (h *Host) Move(to netip.Addr) error {
	if err := h.run("", "ip", "addr", "add", to.String()+"/32", "dev", device); err != nil {
		return err
	}
	if err := h.run("", "ip", "addr", "flush", "dev", device, "to", h.last.String()); err != nil {
		return err
	}
	h.last = to
	return h.Afar()
}

// run runs a program in the namespace.
func (h *Host) run(in, name string, args ...string) error {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name) // which is not in the path of every user
	}
	if err != nil {
		return &UnavailableError{"the program " + name + " is not here", err}
	}
	cmd := exec.Command(path, args...)
	cmd.Stdin = strings.NewReader(in)
	var out []byte
	if err := h.Do(func() error { out, err = cmd.CombinedOutput(); return err }); err != nil {
		return &UnavailableError{fmt.Sprintf("%s %s: %.300s", name, strings.Join(args, " "), bytes.TrimSpace(out)), err}
	}
	return nil
}

// live is the thread that is in the namespace; with it and its children the namespace goes.
func (h *Host) live(at netip.Prefix, ready chan<- error) {
	runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, for no other may be in its namespace
	if unix.Gettid() == unix.Getpid() {
		// The first thread of a process cannot end. It waits here, so that the namespace gets another one.
		go h.live(at, ready)
		<-h.gone
		runtime.UnlockOSThread()
		return
	}
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err != nil {
		err = &UnavailableError{"a network namespace cannot be made", err}
	} else {
		h.tun, err = openTUN(device, at)
	}
	ready <- err
	if err != nil {
		close(h.gone)
		return
	}
	defer close(h.gone)
	for {
		select {
		case t := <-h.do:
			t.done <- t.f()
		case <-h.quit:
			return
		}
	}
}

// Do calls f in the namespace: the sockets that it makes and the processes that it starts are there, and stay there.
func (h *Host) Do(f func() error) error {
	t := task{f, make(chan error, 1)}
	select {
	case h.do <- t:
		return <-t.done
	case <-h.gone:
		return errors.New("wires: the host is closed")
	}
}

// Start starts a process in the namespace.
func (h *Host) Start(cmd *exec.Cmd) error { return h.Do(cmd.Start) }

// Readdress gives the host another address; the one before is gone.
func (h *Host) Readdress(at netip.Prefix) error {
	return h.Do(func() error { return configure(device, at) })
}

// Port is where a host or a router is joined to a Wire.
type Port struct {
	tun *os.File
	at  netip.Prefix
}

// Close ends the namespace, as soon as its processes have ended.
func (h *Host) Close() error {
	var err error
	h.once.Do(func() {
		close(h.quit)
		<-h.gone
		err = h.tun.Close()
	})
	return err
}

// openTUN makes the device in the namespace of this thread and brings it up.
func openTUN(name string, at netip.Prefix) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, &UnavailableError{"/dev/net/tun cannot be opened", err}
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		unix.Close(fd)
		return nil, err
	}
	ifr.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
	if err := unix.IoctlIfreq(fd, unix.TUNSETIFF, ifr); err != nil {
		unix.Close(fd)
		return nil, &UnavailableError{"a TUN device cannot be made", err}
	}
	if err := errors.Join(configure("lo", netip.MustParsePrefix("127.0.0.1/8")), configure(name, at)); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// configure gives a link of this thread's namespace its address, in place of what it had, and brings it up.
//
// The address comes with its prefix, in one request of netlink. The older call for a mask takes the address away and
// gives it back, and a kernel that masquerades then forgets what it has masqueraded at that address: not at once, but
// when it has time, connections that are newer included.
func configure(name string, at netip.Prefix) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	set := func(call uint, fill func(*unix.Ifreq) error) {
		var ifr *unix.Ifreq
		if err == nil {
			ifr, err = unix.NewIfreq(name)
		}
		if err == nil {
			err = fill(ifr)
		}
		if err == nil {
			err = unix.IoctlIfreq(fd, call, ifr)
		}
	}
	set(unix.SIOCSIFADDR, func(r *unix.Ifreq) error { return r.SetInet4Addr(make([]byte, 4)) })
	if err == nil {
		err = addAddress(name, at)
	}
	set(unix.SIOCSIFFLAGS, func(r *unix.Ifreq) error { r.SetUint16(unix.IFF_UP | unix.IFF_RUNNING); return nil })
	if err != nil {
		return fmt.Errorf("wires: %s cannot have the address %s: %w", name, at, err)
	}
	return nil
}

// addAddress adds an address to a link of this thread's namespace.
func addAddress(name string, at netip.Prefix) error {
	link, err := net.InterfaceByName(name)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	addr := at.Addr().As4()
	var body []byte
	body = append(body, unix.AF_INET, byte(at.Bits()), 0, unix.RT_SCOPE_UNIVERSE)
	body = binary.NativeEndian.AppendUint32(body, uint32(link.Index))
	for _, kind := range []uint16{unix.IFA_LOCAL, unix.IFA_ADDRESS} {
		body = binary.NativeEndian.AppendUint16(body, uint16(unix.SizeofRtAttr+len(addr)))
		body = binary.NativeEndian.AppendUint16(body, kind)
		body = append(body, addr[:]...)
	}
	var msg []byte
	msg = binary.NativeEndian.AppendUint32(msg, uint32(unix.SizeofNlMsghdr+len(body)))
	msg = binary.NativeEndian.AppendUint16(msg, unix.RTM_NEWADDR)
	msg = binary.NativeEndian.AppendUint16(msg, unix.NLM_F_REQUEST|unix.NLM_F_ACK|unix.NLM_F_CREATE|unix.NLM_F_EXCL)
	msg = binary.NativeEndian.AppendUint32(msg, 1)
	msg = binary.NativeEndian.AppendUint32(msg, 0)
	if err := unix.Sendto(fd, append(msg, body...), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	n, _, err := unix.Recvfrom(fd, answer, 0)
	if err != nil {
		return err
	}
	if n < unix.SizeofNlMsghdr+4 || binary.NativeEndian.Uint16(answer[4:]) != unix.NLMSG_ERROR {
		return fmt.Errorf("netlink: an answer of %d bytes that is none", n)
	}
	if code := int32(binary.NativeEndian.Uint32(answer[unix.SizeofNlMsghdr:])); code != 0 {
		return unix.Errno(-code)
	}
	return nil
}
