package engines_test

import (
	"os"
	"testing"

	"github.com/rhizome-ml/rhizome/internal/commandtest"
)

func TestMain(m *testing.M) { os.Exit(commandtest.Main(m)) }
