package planted

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Overlay writes the files of the tree in root in which there are bugs into dir, each with all its bugs, and returns
// the file that go build, go test and go vet take after -overlay. The error tells of each patch that does not fit what
// to do.
func Overlay(root, dir string, bugs []Bug) (string, error) {
	made, err := files(root, bugs)
	if err != nil {
		return "", err
	}
	if root, err = filepath.Abs(root); err == nil {
		dir, err = filepath.Abs(dir)
	}
	if err != nil {
		return "", err
	}
	var overlay struct{ Replace map[string]string }
	overlay.Replace = map[string]string{}
	for name, text := range made {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return "", err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return "", err
		}
		overlay.Replace[filepath.Join(root, filepath.FromSlash(name))] = path
	}
	b, err := json.MarshalIndent(overlay, "", "\t")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "overlay.json")
	return path, os.WriteFile(path, b, 0o644)
}

// files returns the text of all files that have bugs, by their paths in the tree.
func files(root string, bugs []Bug) (map[string]string, error) {
	texts, mutants, names := map[string]string{}, map[string][]mutant{}, " "
	var errs []error
	for _, b := range bugs {
		names += b.Name + " "
		for _, f := range b.Files {
			if _, ok := texts[f.Path]; !ok {
				text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(f.Path)))
				if err != nil {
					errs = append(errs, fmt.Errorf("%s/%s.patch: %w: %s", Folder, b.Name, err, anew))
					continue
				}
				texts[f.Path] = string(text)
			}
			text, err := f.apply(texts[f.Path])
			if err != nil {
				errs = append(errs, fmt.Errorf("%s/%s.patch: %s: %w", Folder, b.Name, f.Path, err))
				continue
			}
			mutants[f.Path] = append(mutants[f.Path], mutant{b.Name, text})
		}
	}
	made := map[string]string{"internal/planted/active/names.go": fmt.Sprintf("package active\n\nconst names = %q\n",
		names)}
	for name, text := range texts {
		out, err := mutate(text, mutants[name])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", name, err))
		}
		made[name] = out
	}
	return made, errors.Join(errs...)
}

// Root returns the folder of the tree that a folder is in: the one with go.mod.
func Root(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		text, err := os.ReadFile(filepath.Join(at, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), "module "+module+"\n") {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not in the tree of %s: go there, for the bugs are planted in its files", dir,
				module)
		}
	}
}

const module = "github.com/rhizome-ml/rhizome"
