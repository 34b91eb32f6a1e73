package deploy

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/fuzzing"
	"github.com/rhizome-ml/rhizome/internal/wire"
)

const someone = wire.PeerID("12D3KooWRU87oYwHPeLmdjtaLvKVUKXGa9vt6SFu8cbWaPyLvbqP")

// FuzzParseAnnouncement reads what peers say of themselves: what is taken is bounded, sound and the author's.
func FuzzParseAnnouncement(f *testing.F) {
	good, _ := json.Marshal(announcement{1, []string{"/ip4/192.0.2.7/tcp/4001/p2p/" + string(someone)}})
	f.Add(good)
	f.Add([]byte(`{"format":1,"addresses":["/ip4/192.0.2.7/tcp/4001","x"]}`))
	fuzzing.Run(f, func(t *testing.T, raw []byte) {
		got, err := parseAnnouncement(someone, raw)
		if err != nil {
			return
		}
		if len(got) == 0 || len(got) > addressesMax || len(raw) > announceMax {
			t.Fatalf("%d addresses of %d bytes", len(got), len(raw))
		}
		for _, text := range got {
			if a, err := wire.ParseAddress(text); err != nil || a.Peer != "" && a.Peer != someone {
				t.Fatalf("%q: %v", text, err)
			}
		}
	})
}

func TestAnnouncementsAreTheAuthors(t *testing.T) {
	for name, text := range map[string]string{
		"of another": `{"format":1,"addresses":["/ip4/192.0.2.7/tcp/1/p2p/12D3KooWBGTUea5ckHqjvc6WmHDipNM2EqbYbm63FfE8begdj6Jv"]}`,
		"of none":    `{"format":1,"addresses":[]}`,
		"newer":      `{"format":2,"addresses":["/ip4/192.0.2.7/tcp/1"]}`,
		"no address": `{"format":1,"addresses":["here"]}`,
		"too long": `{"format":1,"addresses":["/ip4/192.0.2.7/tcp/1"],"x":"` + strings.Repeat("x",
			announceMax) + `"}`,
		"no JSON": `{`,
		"too many": `{"format":1,"addresses":[` + strings.Repeat(`"/ip4/192.0.2.7/tcp/1",`,
			addressesMax) + `"/ip4/192.0.2.7/tcp/1"]}`,
		"not a string": `{"format":1,"addresses":[1]}`,
	} {
		if got, err := parseAnnouncement(someone, []byte(text)); err == nil {
			t.Errorf("%s: taken as %q", name, got)
		}
	}
	var h heard
	if !h.note(someone, []string{"a"}) || h.note(someone, []string{"a"}) || !h.note(someone, []string{"b"}) {
		t.Error("what is news is told once")
	}
}
