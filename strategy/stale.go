package strategy

import "github.com/rhizome-ml/rhizome/internal/fmath"

const asynchronous = "asynchronous"

// staleness are the settings of what an update weighs by the age of the parameters that it was trained on.
func staleness(power float64) []Setting {
	return []Setting{
		{Name: "power", Doc: "An update whose parameters are s versions old weighs (1 + s)^-power; 0: whatever their age, " +
			"all weigh the same.", Default: power, Most: 10},
		{Name: "slope", Doc: "Beside that, it weighs 1/(1 + slope·(s - after)) where s is above after.", Most: 1000},
		{Name: "after", Doc: "The age up to which slope says nothing.", Most: 1e6, Whole: true},
		{Name: "max-staleness", Doc: "The greatest age at which an update is taken.", Default: 1000, Most: 1e6,
			Whole: true},
	}
}

// stale is the weight that these settings say.
func stale(c Chosen, versions int64) float64 {
	age, weight := float64(versions), 1.0
	if age > c.Get("max-staleness") {
		return 0
	}
	if power := c.Get("power"); power > 0 && age > 0 {
		weight = fmath.Exp(-power * fmath.Log(1+age))
	}
	if beyond := age - c.Get("after"); beyond > 0 {
		weight /= 1 + float64(c.Get("slope")*beyond)
	}
	return weight
}
