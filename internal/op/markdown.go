package op

import (
	"fmt"
	"strings"
)

// Markdown writes the catalogue as documentation: a table of each domain.
func (c *Catalogue) Markdown() string {
	var b strings.Builder
	b.WriteString("# The op catalogue\n\nGenerated from the declarations of package op by its test; run it with " +
		"-rewrite after a change.\n\n")
	b.WriteString("An op fires once in an activation, when all its inputs are there; inputs marked `or` are enough " +
		"one by one. A port of type\n")
	b.WriteString("Trigger takes any value: only that it came matters. `…` stands for any number of values, `?` for " +
		"a port that may be left out.\n")
	b.WriteString("The tensor ops of the domain `ai.onnx` are those of package internal/op/onnxop.\n\n")
	b.WriteString("Every op may have these attributes:\n\n")
	for i := range common {
		fmt.Fprintf(&b, "- `%s` (%s): %s\n", common[i].Name, common[i].Kind, common[i].Doc)
	}
	domain := ""
	for _, d := range c.All() {
		if d.Domain != domain {
			domain = d.Domain
			fmt.Fprintf(&b, "\n## %s\n\n| op | in → out | attributes | nature | runs | |\n|---|---|---|---|---|---|\n",
				domain)
		}
		fmt.Fprintf(&b, "| %s | %s → %s | %s | %s | %s | %s Types: %s. |\n", d.Name, portText(d.In), portText(d.Out),
			attrText(d.Attrs),
			natureText(d), d.Place, d.Doc, d.Rule.Name)
	}
	return b.String()
}

func portText(ports []Port) string {
	parts := make([]string, len(ports))
	for i := range ports {
		p := &ports[i]
		parts[i] = p.Name
		switch {
		case p.AnyOf:
			parts[i] += " or …"
		case p.Variadic:
			parts[i] += "…"
		case p.Optional:
			parts[i] += "?"
		}
		parts[i] += " `" + p.Type.String() + "`"
		if p.Or.ID != "" {
			parts[i] += " or `" + p.Or.String() + "`"
		}
	}
	return strings.Join(parts, ", ")
}

func attrText(attrs []Attr) string {
	parts := make([]string, len(attrs))
	for i := range attrs {
		a := &attrs[i]
		need := ""
		if !a.Required {
			need = ", optional"
		}
		parts[i] = fmt.Sprintf("`%s` (%s%s): %s", a.Name, a.Kind, need, a.Doc)
	}
	return strings.Join(parts, "; ")
}

func natureText(d *Decl) string {
	s := d.Nature.String()
	if d.Deferred {
		s += ", deferred"
	}
	if d.Internal {
		s += ", by the compiler"
	}
	return s
}
