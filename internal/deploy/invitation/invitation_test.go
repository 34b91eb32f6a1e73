package invitation

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/journal/vfs"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

const me = wire.PeerID("12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp")

func example(addresses ...string) *Invitation {
	i := &Invitation{Server: me, Addresses: addresses}
	for k := range i.Digest {
		i.Digest[k] = byte(k)
	}
	for k := range i.Secret {
		i.Secret[k] = byte(0xf0 + k)
	}
	return i
}

// TestTextOfAnInvitation writes and reads invitations with every form of address, also as a terminal wraps them.
func TestTextOfAnInvitation(t *testing.T) {
	for _, addresses := range [][]string{
		{"/ip4/192.0.2.7/tcp/4001"},
		{"/ip4/192.0.2.7/udp/4001/quic-v1", "/ip6/2001:db8::7/tcp/4001", "/ip6/2001:db8::7/udp/1/quic-v1",
			"/dns4/server.example.org/tcp/443"},
		{"/memory/server", "/ip4/192.0.2.9/tcp/4001/p2p/" + string(me) + "/p2p-circuit"},
		// too long as texts
		{"/ip4/192.168.200.200/udp/40001/quic-v1/p2p/" + string(me) + "/p2p-circuit",
			"/ip6/2001:db8::7/tcp/4001/p2p/" + string(me) + "/p2p-circuit"},
		nil,
	} {
		want := example(addresses...)
		text, err := want.Text()
		if err != nil {
			t.Fatal(err)
		}
		for _, form := range []string{text, " " + text[:70] + "\n  " + text[70:] + "\r\n",
			strings.ToUpper(Scheme) + text[len(Scheme):]} {
			got, err := Parse(form)
			if err != nil || got.Server != want.Server || got.Digest != want.Digest || got.Secret != want.Secret ||
				!slices.Equal(got.Addresses, want.Addresses) {
				t.Errorf("%q: %+v, %v", form, got, err)
			}
		}
		if len(addresses) == 1 && len(text) != 132 {
			t.Errorf("%d letters", len(text))
		}
	}
	full := example("/ip4/192.0.2.7/tcp/4001").Full()
	if full[0] != "/ip4/192.0.2.7/tcp/4001/p2p/"+string(me) {
		t.Error(full)
	}
}

// TestMistypedInvitations changes, cuts and adds each letter: each is refused, and told as what it is.
func TestMistypedInvitations(t *testing.T) {
	text, err := example("/ip4/192.0.2.7/tcp/4001").Text()
	if err != nil {
		t.Fatal(err)
	}
	refused := func(what, text string, want ...string) {
		t.Helper()
		_, err := Parse(text)
		if !errors.As(err, new(*TextError)) {
			t.Fatalf("%s: %v", what, err)
		}
		if !slices.ContainsFunc(want, func(w string) bool { return strings.Contains(err.Error(), w) }) {
			t.Errorf("%s: %v", what, err)
		}
	}
	letters := "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for at := len(Scheme); at < len(text); at++ {
		for _, c := range letters {
			if byte(c) != text[at] {
				refused(fmt.Sprint("letter ", at), text[:at]+string(c)+text[at+1:], "mistyped", "cut short",
					"one is wrong")
			}
		}
		refused(fmt.Sprint("cut at ", at), text[:at], "cut short")
		refused(fmt.Sprint("without letter ", at), text[:at]+text[at+1:], "cut short", "mistyped", "one is wrong")
		refused(fmt.Sprint("swapped at ", at), text[:at]+"€"+text[at+1:], "in none")
	}
	refused("added", text+"A", "something was added")
	refused("another scheme", "https:"+text, "does not begin")
	refused("long", Scheme+strings.Repeat("A", 5000), "more than any has")
	refused("a newer one", Scheme+base64.RawURLEncoding.EncodeToString(make([]byte, 100)), "version 0")
}

// TestSecretsAreNotShown prints a secret in every way that logs do, and looks for it in the book's file.
func TestSecretsAreNotShown(t *testing.T) {
	i := example("/ip4/192.0.2.7/tcp/4001")
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", i.Secret, "pointer", &i.Secret)
	fmt.Fprintf(&log, "%v %+v %#v %s %x %q %d %v", i.Secret, i, i, i.Secret, i.Secret, i.Secret, i.Secret, &i.Secret)
	disk := vfs.NewMem()
	disk.MkdirAll("d")
	b, err := Open(disk, "d")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Add(i.Secret, Entry{Uses: 1}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.Spend(i.Secret, me, time.Unix(2, 0)); err != nil {
		t.Fatal(err)
	}
	for _, name := range disk.Names() {
		if text, err := vfs.ReadFile(disk, name, 1<<20); err == nil {
			log.Write(text)
		}
	}
	hidden := []string{string(i.Secret[:]), hex.EncodeToString(i.Secret[:]),
		base64.RawURLEncoding.EncodeToString(i.Secret[:]),
		base64.StdEncoding.EncodeToString(i.Secret[:]), "240 241 242", "f0f1f2", "0xf0, 0xf1"}
	for _, h := range hidden {
		if strings.Contains(strings.ToLower(log.String()), strings.ToLower(h)) {
			t.Errorf("%q is in %q", h, log.String())
		}
	}
	text, err := json.Marshal(i.Secret)
	var back Secret
	if err != nil || json.Unmarshal(text, &back) != nil || back != i.Secret {
		t.Errorf("%s, %v", text, err)
	}
}

// TestOwnInvitation: the server's own is the same at each start, another one for another key or program, and after it
// was revoked.
func TestOwnInvitation(t *testing.T) {
	disk := vfs.NewMem()
	disk.MkdirAll("d")
	now := time.Unix(1000, 0)
	own := func(seed string, digest byte) Secret {
		b, err := Open(disk, "d")
		if err != nil {
			t.Fatal(err)
		}
		s, err := b.Own([]byte(seed), [32]byte{digest}, 2, []string{"/ip4/192.0.2.7/tcp/4001"}, now)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	first := own("seed", 1)
	if own("seed", 1) != first || own("other", 1) == first || own("seed", 2) == first {
		t.Error("an own invitation is not that of key and program")
	}
	b, err := Open(disk, "d")
	if err != nil {
		t.Fatal(err)
	}
	if err := b.Revoke(first.ID()); err != nil {
		t.Fatal(err)
	}
	second := own("seed", 1)
	if second == first || own("seed", 1) != second {
		t.Error("a revoked one is printed again")
	}
	if err := b.Revoke("none"); !errors.As(err, new(*UnknownError)) {
		t.Error(err)
	}
}

// TestBook lets guests come: uses, times and revocations count, and who came once comes again for nothing.
func TestBook(t *testing.T) {
	disk := vfs.NewMem()
	disk.MkdirAll("d")
	b, err := Open(disk, "d")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(1000, 0)
	one, short, many := Secret{1}, Secret{2}, Secret{3}
	for s, e := range map[Secret]Entry{one: {Uses: 1, Name: "clinic-3"}, short: {Uses: 5, Expires: 1060}, many: {}} {
		if err := b.Add(s, e, now); err != nil {
			t.Fatal(err)
		}
	}
	spend := func(s Secret, who wire.PeerID, at int64, wantNew bool, state string) {
		t.Helper()
		_, isNew, err := b.Spend(s, who, time.Unix(at, 0))
		var no *RefusedError
		if errors.As(err, &no) != (state != "") || no != nil && no.State != state || err == nil && isNew != wantNew {
			t.Errorf("%s at %d: new %v, %v", who, at, isNew, err)
		}
		if judged := b.Check(s, who, time.Unix(at, 0)); (judged != nil) != (state != "") {
			t.Errorf("%s at %d is judged %v", who, at, judged)
		}
	}
	spend(one, "a", 1001, true, "")
	spend(one, "a", 1002, false, "")
	spend(one, "b", 1003, false, "used")
	spend(short, "b", 1059, true, "")
	spend(short, "c", 1060, false, "expired")
	spend(short, "b", 5000, false, "")
	spend(Secret{9}, "c", 1001, false, "unknown")
	for i := range 20 {
		spend(many, wire.PeerID(fmt.Sprint("m", i)), 1001, true, "")
	}
	if b, err = Open(disk, "d"); err != nil { // another start
		t.Fatal(err)
	}
	spend(one, "b", 1003, false, "used")
	if b.NameOf("a") != "clinic-3" || b.NameOf("z") != "" {
		t.Error("the site is not known by its guest")
	}
	if err := b.Return(one.ID(), "a"); err != nil {
		t.Fatal(err)
	}
	spend(one, "b", 1004, true, "")
	if err := b.Revoke(short.ID()); err != nil {
		t.Fatal(err)
	}
	spend(short, "b", 1004, false, "revoked")
	states := map[string]int{}
	for _, e := range b.List() {
		states[e.State(now)]++
	}
	if states["used"] != 1 || states["revoked"] != 1 || states["open"] != 1 {
		t.Error(states)
	}
}

// TestBookIsBounded: a full book reads back, refuses what it has no room for, and forgets what is over first.
func TestBookIsBounded(t *testing.T) {
	disk := vfs.NewMem()
	disk.MkdirAll("d")
	b := &Book{fsys: disk, path: "d/" + File}
	long := Entry{Name: strings.Repeat("<", NameMax), Uses: UsesMax, Hash: strings.Repeat("0", 64), ID: "00000000",
		Expires: 1 << 40, Made: 1 << 33}
	for i := range EntriesMax {
		e := long
		e.ID = fmt.Sprintf("%08d", i)
		b.page.Entries = append(b.page.Entries, e)
	}
	spent := &b.page.Entries[7]
	spent.Hash = Secret{7}.Hash()
	for i := range SpentMax - 1 {
		spent.Spent = append(spent.Spent, Spent{me[:len(me)-5] + wire.PeerID(fmt.Sprintf("%05d", i)), 1 << 33})
	}
	now := time.Unix(1, 0)
	if _, isNew, err := b.Spend(Secret{7}, me, now); err != nil || !isNew {
		t.Fatal(isNew, err)
	}
	if _, err := Open(disk, "d"); err != nil {
		t.Fatalf("a full book does not open: %v", err)
	}
	var no *RefusedError
	if _, _, err := b.Spend(Secret{7}, "another", now); !errors.As(err, &no) || no.State != "full" {
		t.Error(err)
	}
	if err := b.Add(Secret{1}, Entry{}, now); !errors.As(err, &no) || no.State != "full" {
		t.Error(err)
	}
	if err := b.Revoke("00000003"); err != nil {
		t.Fatal(err)
	}
	if err := b.Add(Secret{1}, Entry{}, now); err != nil {
		t.Error(err)
	}
	if all := b.List(); len(all) != EntriesMax || slices.ContainsFunc(all,
		func(e Entry) bool { return e.ID == "00000003" }) {
		t.Error("the revoked one was to go")
	}
}

// TestBest takes few addresses, loopback only where there is nothing else, and no host with many ports in the place of
// another.
func TestBest(t *testing.T) {
	at := "/p2p/" + string(me)
	got := Best([]string{"/ip4/127.0.0.1/tcp/1" + at, "/ip4/10.0.0.1/udp/1/quic-v1" + at,
		"/ip4/10.0.0.1/udp/2/quic-v1" + at, "/ip4/10.0.0.1/tcp/1" + at,
		"/ip4/10.0.0.2/tcp/1" + at, "/ip6/fe80::1/tcp/1" + at, "/ip6/2001:db8::1/tcp/1" + at, "nonsense"})
	want := []string{"/ip4/10.0.0.1/udp/1/quic-v1", "/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1",
		"/ip6/2001:db8::1/tcp/1"}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	if got := Best([]string{"/ip4/127.0.0.1/tcp/1" + at}); len(got) != 1 {
		t.Errorf("%q", got)
	}
}

// FuzzParse reads any text: what is taken is written again as it was.
func FuzzParse(f *testing.F) {
	text, _ := example("/ip4/192.0.2.7/tcp/4001", "/dns4/a.example/tcp/1").Text()
	f.Add([]byte(text))
	f.Add([]byte(Scheme + "AQ"))
	fuzzing.Run(f, func(t *testing.T, b []byte) {
		i, err := Parse(string(b))
		if err != nil {
			if !errors.As(err, new(*TextError)) || strings.ContainsAny(err.Error(), "\x1b\r\n") {
				t.Fatalf("%T %q", err, err)
			}
			return
		}
		if again, err := i.Text(); len(i.Addresses) > 0 &&
			(err != nil || again[len(Scheme):] != strings.Join(strings.Fields(string(b)), "")[len(Scheme):]) {
			t.Fatalf("%q, %v", again, err)
		}
	})
}

// TestBestKeepsAWayOverARelay: of many addresses, the one that leads over a relay is among those that are told.
func TestBestKeepsAWayOverARelay(t *testing.T) {
	over := "/ip4/192.0.2.9/udp/4001/quic-v1/p2p/" + string(me) + "/p2p-circuit"
	best := Best([]string{"/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1", "/ip4/10.0.0.3/tcp/1", "/ip4/10.0.0.4/tcp/1",
		"/ip4/10.0.0.5/tcp/1", over + "/p2p/" + string(me)})
	if len(best) != AddressesMax || !slices.Contains(best, over) || !slices.Contains(best, "/ip4/10.0.0.1/tcp/1") {
		t.Error(best)
	}
}
