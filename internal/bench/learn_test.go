package bench

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"github.com/rhizome-ml/rhizome/strategy"
)

// TestTorchHasTheStrategies: the script that holds how jobs learn against PyTorch has each strategy by which clients
// are averaged or the server steps, and of all that it has settings that they take.
func TestTorchHasTheStrategies(t *testing.T) {
	script, err := os.ReadFile("torch_learn.py")
	if err != nil {
		t.Fatal(err)
	}
	list := regexp.MustCompile(`(?s)STRATEGIES = \[(.*?)\]`).FindSubmatch(script)
	if list == nil {
		t.Fatal("there is no list")
	}
	var names []string
	for _, m := range regexp.MustCompile(`"([^"]+)"`).FindAllSubmatch(list[1], -1) {
		c, err := strategy.Parse(string(m[1]))
		if err != nil {
			t.Error(err)
		}
		names = append(names, c.Name)
	}
	for _, name := range strategy.Names() {
		c, err := strategy.Parse(name)
		if err != nil {
			t.Fatal(err)
		}
		if (c.Family == "averaging" || c.Family == "server optimizer") && !slices.Contains(names, name) {
			t.Errorf("%s, of the family %s, is not in the script", name, c.Family)
		}
	}
}
