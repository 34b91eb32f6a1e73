package dataflow

import (
	"fmt"

	"github.com/rhizome-ml/rhizome/snapshot"
	"github.com/rhizome-ml/rhizome/value"
)

// unsound returns the failure of a value that a component hands in and no State may hold, or nil.
func (m *Machine) unsound(v value.Value, where string) *value.Failure {
	if v == nil || !m.Behaves(3) {
		return nil
	}
	if err := m.reg.CheckNew(v, StorableLimits()); err != nil {
		m.Count("value.unsound")
		return value.Fail(value.CodeType, where, "a value that cannot be stored: "+err.Error())
	}
	return nil
}

// AnyUnsound is unsound for values that go together.
func (m *Machine) AnyUnsound(in []value.Value, where string) *value.Failure {
	for _, v := range in {
		if bad := m.unsound(v, where); bad != nil {
			return bad
		}
	}
	return nil
}

// Named returns the failure of a name that no State may hold, or nil.
func (m *Machine) Named(name, where string) *value.Failure {
	if !m.Behaves(3) {
		return nil
	}
	if why := value.NameFault(name); why != "" {
		return value.Fail(value.CodeError, where, fmt.Sprintf("the name %q: %s", name[:min(len(name), 32)], why))
	}
	return nil
}

// clean returns a failure with texts that can be stored.
func (m *Machine) clean(f *value.Failure) *value.Failure {
	if !m.Behaves(3) {
		return f
	}
	return f.Clean()
}

// output is what a component's result is as a value of a slot.
func (m *Machine) output(v value.Value) value.Value {
	switch v := v.(type) {
	case nil:
		return value.Trigger{}
	case *value.Failure:
		if v != nil {
			return m.clean(v)
		}
	}
	return v
}

// BadCommand is badMessage for a command.
func (m *Machine) BadCommand(method string, in []value.Value, where string) *value.Failure {
	if bad := m.Named(method, where); bad != nil {
		return bad
	}
	return m.AnyUnsound(in, where)
}

// BadEvent is badMessage for an event to the host or on the bus.
func (m *Machine) BadEvent(name string, v value.Value, where string) *value.Failure {
	if bad := m.Named(name, where); bad != nil {
		return bad
	}
	return m.unsound(v, where)
}

// StorableLimits are the limits of a value that comes in: those with which records and snapshots are read, less some
// depth, since it may be put into a few more lists before it is stored.
func StorableLimits() value.Limits { return stored }

var stored = func() value.Limits {
	lim := snapshot.DefaultLimits().Values
	lim.Depth -= 8
	return lim
}()
