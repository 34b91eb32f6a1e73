package install

import (
	"fmt"
	"strconv"
	"time"

	"github.com/rhizome-ml/rhizome/internal/job"
)

// KeepMax bounds the snapshots that are kept: each is checked whenever one is added.
const KeepMax = 10_000

// CheckKeep says whether a node can be told to keep so many snapshots, and those that are not older: nil, or a
// *ConfigError.
func CheckKeep(keep int, age time.Duration) error {
	if keep < 0 || keep > KeepMax {
		return &job.ConfigError{Key: "keep", Value: strconv.Itoa(keep), Want: fmt.Sprintf("1 to %d", KeepMax)}
	}
	if age < 0 {
		return &job.ConfigError{Key: "keep_age", Value: age.String(), Want: "a time span such as 24h"}
	}
	return nil
}
