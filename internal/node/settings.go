package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"

	"github.com/rhizome-ml/rhizome/snapshot"
)

// sameSettings holds what a node was installed with beside its program against what it is to be restored with: the
// state that it came to follows from it, and so do the records behind it. Who else plays places is the artifact's and
// the job's to say, and is not held against: a job may be opened to more.
func sameSettings(was, is *snapshot.ConfigSnapshot) error {
	options, now := map[string][]byte{}, map[string][]byte{}
	for _, o := range was.Options {
		options[o.Slot] = o.JSON
	}
	for _, o := range is.Options {
		now[o.Slot] = o.JSON
	}
	for _, slot := range slices.Sorted(maps.Keys(both(options, now))) {
		if !sameJSON(options[slot], now[slot]) {
			return &MismatchError{fmt.Sprintf("options of slot %q:", slot), shown(string(options[slot])),
				shown(string(now[slot]))}
		}
	}
	targets, those := map[string][]string{}, map[string][]string{}
	for _, t := range was.Targets {
		targets[t.Place] = t.Peers
	}
	for _, t := range is.Targets {
		those[t.Place] = t.Peers
	}
	for _, place := range slices.Sorted(maps.Keys(both(targets, those))) {
		if a, b := targets[place], those[place]; !slices.Equal(a, b) {
			return &MismatchError{fmt.Sprintf("targets of place %q:", place), peers(a), peers(b)}
		}
	}
	return nil
}

func both[V any](a, b map[string]V) map[string]V {
	all := maps.Clone(a)
	maps.Copy(all, b)
	return all
}

// sameJSON says whether two settings mean the same: releases may spell them differently, and what is left out is zero.
func sameJSON(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	var x, y map[string]any
	if settings(a, &x) != nil || settings(b, &y) != nil {
		return false
	}
	zero := func(_ string, v any) bool { return v == nil || v == json.Number("0") || reflect.ValueOf(v).IsZero() }
	maps.DeleteFunc(x, zero)
	maps.DeleteFunc(y, zero)
	return reflect.DeepEqual(x, y)
}

// settings reads JSON; numbers stay as they are written. No settings are empty ones.
func settings(b []byte, into *map[string]any) error {
	*into = map[string]any{}
	if len(b) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("something follows the settings")
	}
	return nil
}

// shown is as much of a setting as an error shows.
func shown(s string) string {
	switch {
	case s == "":
		return "none"
	case len(s) > 200:
		return s[:200] + "…"
	}
	return s
}

func peers(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return shown(fmt.Sprintf("%d (%q)", len(list), list[:min(len(list), 4)]))
}
