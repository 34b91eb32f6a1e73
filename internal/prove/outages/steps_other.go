//go:build !linux

package outages

import (
	"errors"
	"time"
)

// writes tells when files are written, which only Linux does here.
type writes struct{}

func watch(string) (*writes, error) { return nil, errors.New("this is not Linux") }

func (*writes) wait(time.Duration) (bool, error) { return false, nil }

func (*writes) close() {}
