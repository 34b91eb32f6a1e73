package given

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/rhizome-ml/rhizome/internal/onnx"
)

// besideMax bounds a model that is looked into for the names of files beside it: one that is larger holds its tensors.
const besideMax = 64 << 20

// beside takes the files that a model's tensors lie in into its hash: they are the model as much as the file itself. A
// file that is not there is left to whoever reads the model.
func (f *File) beside() error {
	if f.Bytes > besideMax {
		return nil
	}
	b, err := os.ReadFile(f.Path)
	if err != nil {
		return err
	}
	names := onnx.Beside(b, onnx.DefaultLimits())
	if len(names) == 0 {
		return nil
	}
	all := sha256.New()
	fmt.Fprintf(all, "rhizome model 1\n%s\n", f.SHA256)
	for _, name := range names {
		path := filepath.Join(filepath.Dir(f.Path), filepath.FromSlash(name))
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() {
			continue
		}
		sum, err := hashed(path, info)
		if err != nil {
			return err
		}
		f.Bytes += info.Size()
		io.WriteString(all, fmt.Sprintf("%d %s %s\n", len(name), name, sum))
	}
	f.SHA256 = hex.EncodeToString(all.Sum(nil))
	return nil
}
