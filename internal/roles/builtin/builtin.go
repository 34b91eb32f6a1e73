// Package builtin is the list of the components that come with the project.
package builtin

import (
	"github.com/rhizome-ml/rhizome/internal/node"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/buffer"
	"github.com/rhizome-ml/rhizome/internal/roles/aggregator/mix"
	"github.com/rhizome-ml/rhizome/internal/roles/backend"
	"github.com/rhizome-ml/rhizome/internal/roles/data"
	"github.com/rhizome-ml/rhizome/internal/roles/model"
	"github.com/rhizome-ml/rhizome/internal/roles/model/cell"
	"github.com/rhizome-ml/rhizome/internal/roles/model/logistic"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/discovery"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/moments"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/progress"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/registry"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/rounds"
	"github.com/rhizome-ml/rhizome/internal/roles/protocol/scores"
	"github.com/rhizome-ml/rhizome/internal/roles/selector"
	"github.com/rhizome-ml/rhizome/internal/roles/selector/neighbour"
)

// Register adds the built-in components to a catalogue.
func Register(c *node.Catalogue) error {
	for _, k := range []struct {
		role, kind string
		version    int32
		factory    node.Factory
	}{
		{aggregator.Role, aggregator.Kind, aggregator.Version, aggregator.Factory},
		{buffer.Role, buffer.Kind, buffer.Version, buffer.Factory},
		{backend.Role, backend.Kind, 1, backend.Shared(1)},
		{backend.Role, backend.Kind, 2, backend.Shared(2)},
		{data.Role, data.Kind, data.Version, data.Factory},
		{model.Role, model.Kind, model.Version, model.Factory},
		{cell.Role, cell.Kind, cell.Version, cell.Factory},
		{aggregator.Role, aggregator.SoundKind, aggregator.SoundVersion, aggregator.SoundFactory},
		{mix.Role, mix.Kind, mix.Version, mix.Factory},
		{moments.Role, moments.Kind, moments.Version, moments.Factory},
		{discovery.Role, discovery.Kind, discovery.Version, discovery.Factory},
		{progress.Role, progress.Kind, progress.Version, progress.Factory},
		{registry.Role, registry.Kind, registry.Version, registry.Factory},
		{rounds.Role, rounds.Kind, rounds.Version, rounds.Factory},
		{scores.Role, scores.Kind, scores.Version, scores.Factory},
		{logistic.Role, logistic.Kind, logistic.Version, logistic.Factory},
		{neighbour.Role, neighbour.Kind, neighbour.Version, neighbour.Factory},
		{data.Role, data.KindSynthetic, data.Version, data.SharedSynthetic()},
		{data.Role, data.KindSource, data.Version, data.SourceFactory},
		{data.Role, data.KindSamples, data.Version, data.SharedSamples()},
		{data.Role, data.KindColumns, data.Version, data.ColumnsFactory},
		{selector.Role, selector.Kind, selector.Version, selector.Factory},
	} {
		if err := c.Register(k.role, k.kind, k.version, k.factory); err != nil {
			return err
		}
	}
	return nil
}
