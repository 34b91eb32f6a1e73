package live

import (
	"runtime"
	"sync"
)

// thread is a thread of its own for as long as a World lives: processes that are to end with their parent end with the
// very thread that started them, and a disk that is made on it is seen by those alone.
type thread struct {
	tasks chan func()
	once  sync.Once
}

func newThread() *thread {
	t := &thread{tasks: make(chan func())}
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		for f := range t.tasks {
			f()
		}
	}()
	return t
}

// do calls f on the thread.
func (t *thread) do(f func() error) error {
	done := make(chan error, 1)
	t.tasks <- func() { done <- f() }
	return <-done
}

func (t *thread) end() { t.once.Do(func() { close(t.tasks) }) }
