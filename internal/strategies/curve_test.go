package strategies

import (
	"fmt"
	"math"
	"strings"
)

// curve is the accuracy of a job by round.
type curve struct {
	name, colour, dash string
	values             []float64
}

// Places of the plot in the picture.
const (
	plotLeft, plotRight = 52, 620
	plotTop, plotBottom = 44, 262
)

// drawCurves draws accuracies by round as a picture in SVG, which says them in its description too. It is drawn on a
// ground of its own, so that it can be read on a dark page.
func drawCurves(title string, curves ...curve) string {
	var b strings.Builder
	var told []string
	for _, c := range curves {
		told = append(told, c.name+" "+figures(c.values))
	}
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 300" width="640" height="300" role="img" ` +
		`aria-labelledby="t d" font-family="system-ui, sans-serif" font-size="13">` + "\n")
	fmt.Fprintf(&b, "<title id=\"t\">%s</title>\n<desc id=\"d\">Accuracy in percent behind each round. %s.</desc>\n",
		title, strings.Join(told, ". "))
	b.WriteString(`<rect width="640" height="300" rx="8" fill="#ffffff"/>` + "\n")
	rounds := len(curves[0].values)
	x := func(round int) float64 {
		return plotLeft + float64(plotRight-plotLeft)*float64(round-1)/float64(max(rounds-1, 1))
	}
	y := func(accuracy float64) float64 { return plotBottom - (plotBottom-plotTop)*accuracy }
	for _, at := range []float64{0, 0.25, 0.5, 0.75, 1} {
		fmt.Fprintf(&b, `<path d="M%d %.1fH%d" stroke="#d0d7de"/><text x="%d" y="%.1f" text-anchor="end" fill="#57606a">`+
			"%.0f %%</text>\n", plotLeft, y(at), plotRight, plotLeft-8, y(at)+4, 100*at)
	}
	every := 5
	if rounds > 60 {
		every = 25
	}
	for round := 1; round <= rounds; round++ {
		if round == 1 || round%every == 0 {
			fmt.Fprintf(&b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#57606a">%d</text>`+"\n", x(round),
				plotBottom+18, round)
		}
	}
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="end" fill="#57606a">round</text>`+"\n", plotRight, plotBottom+34)
	for i, c := range curves {
		var d strings.Builder
		for k, v := range c.values {
			fmt.Fprintf(&d, "%s%.1f %.1f", map[bool]string{true: "M", false: "L"}[k == 0], x(k+1), y(v))
		}
		fmt.Fprintf(&b, `<path d="%s" fill="none" stroke="%s" stroke-width="2"%s/>`+"\n", d.String(), c.colour, c.dash)
		fmt.Fprintf(&b, `<path d="M%d 24h24" stroke="%s" stroke-width="2"%s/><text x="%d" y="28" fill="#1f2328">%s</text>`+
			"\n", plotLeft+200*i, c.colour, c.dash, plotLeft+200*i+32, c.name)
	}
	return b.String() + "</svg>\n"
}

// figures writes accuracies as the description of a picture says them.
func figures(values []float64) string {
	var out []string
	for _, v := range values {
		out = append(out, fmt.Sprintf("%.1f", math.Round(1000*v)/10))
	}
	return strings.Join(out, " ")
}
