package job

import (
	"fmt"
	"strconv"
	"time"
)

// keepMax bounds the snapshots that are kept: each is checked whenever one is added.
const keepMax = 10_000

// CheckKeep says whether a node can be told to keep so many snapshots, and those that are not older: nil, or a *ConfigError.
func CheckKeep(keep int, age time.Duration) error {
	if keep < 0 || keep > keepMax {
		return &ConfigError{"keep", strconv.Itoa(keep), fmt.Sprintf("1 to %d", keepMax)}
	}
	if age < 0 {
		return &ConfigError{"keep_age", age.String(), "a time span such as 24h"}
	}
	return nil
}
