package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/rhizome-ml/rhizome/internal/job"
	"github.com/rhizome-ml/rhizome/internal/job/kinds"
)

func newJobSchema(c *console) *cobra.Command {
	return &cobra.Command{
		Use:   "schema [KIND]",
		Short: "Print the JSON schema of job files, for editors",
		Long: `Print the JSON schema (draft 2020-12) of the job files of a kind: each key, what it says and what it may be. Editors that
read YAML by a schema complete and check job files by it.`,
		Example: "  rhizome job schema > job.schema.json",
		Args:    cobra.MaximumNArgs(1),
		RunE: does(func(_ *cobra.Command, args []string) error {
			kind, err := kinds.Named(strings.Join(args, ""))
			if err != nil {
				return &badInput{err.Error()}
			}
			return writeLine(c.out, jobSchema(kind))
		}),
	}
}

// jobSchema is the schema of the job files of a kind.
func jobSchema(k job.Kind) map[string]any {
	top := map[string]any{job.KeyKind: map[string]any{"const": k.Name(), "description": "The kind of job."}}
	groups := map[string]map[string]any{}
	open := map[string]bool{}
	for _, key := range k.Keys() {
		if key.Brought {
			continue
		}
		of := keySchema(k, key)
		top[key.Name] = of
		group, name, ok := strings.Cut(key.In, ".")
		switch {
		case !ok:
			continue
		case groups[group] == nil:
			groups[group] = map[string]any{}
		}
		if name == "*" {
			open[group] = true
			continue
		}
		groups[group][name] = of
	}
	for group, keys := range groups {
		of := map[string]any{"type": "object", "properties": keys, "additionalProperties": open[group]}
		if flat, both := top[group]; both { // a name, or a group
			of = map[string]any{"anyOf": []any{flat, of}}
		}
		top[group] = of
	}
	return map[string]any{
		"$schema": "https://json-schema.org/draft/2020-12/schema", "title": article(k.Name()) + " job of Rhizome",
		"type": "object", "properties": top, "required": []string{"name"}, "additionalProperties": false,
	}
}

// keySchema is the schema of one setting.
func keySchema(k job.Kind, key job.Key) map[string]any {
	out := map[string]any{"description": key.Doc}
	word := map[string]any{"type": "string"}
	switch of := k.Default().Get(key.Name); {
	case key.Number:
		out["type"] = "number"
	case of == "true" || of == "false":
		out["type"], out["default"] = "boolean", of == "true"
	case key.List:
		out["anyOf"] = []any{word, map[string]any{"type": "array", "items": map[string]any{
			"type": []string{"string", "number"}}}}
	case key.Choice:
		out["anyOf"] = []any{word, map[string]any{"type": "object", "minProperties": 1, "maxProperties": 1}}
	case key.Object:
		out["type"] = "object"
	default:
		out["type"] = "string"
	}
	return out
}

// article puts an indefinite article before a word.
func article(word string) string {
	if strings.ContainsAny(word[:min(len(word), 1)], "aeiou") {
		return "An " + word
	}
	return "A " + word
}
