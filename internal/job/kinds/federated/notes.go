package federated

import (
	"fmt"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/roles/data"
)

// Notes says what is left out of the data.
func (c Config) Notes() (out []string) {
	b := c.data()
	if b == nil {
		return nil
	}
	name := filepath.Base(b.Files[data.FileTrain].Path)
	if b.Bad > 0 {
		out = append(out, fmt.Sprintf("%s has %d rows that cannot be read, which are left out (bad_rows: skip)", name,
			b.Bad))
	}
	if b.Missing > 0 {
		out = append(out, fmt.Sprintf("%s has %d rows with missing values, which are left out (missing: drop)", name,
			b.Missing))
	}
	return out
}
