// Package strictyaml reads the small YAML files that people write: jobs, networks, faults. It takes no key that it does
// not know and none twice, no anchors and no empty values, and every refusal names file, line, key, and what would be
// right.
package strictyaml
