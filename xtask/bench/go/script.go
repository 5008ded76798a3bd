// script is a task that does what it was told to: see bench/src/script.rs.

package main

import (
	"context"
	"sync"
	"time"

	"github.com/Graphmasters/occamy"
)

type script struct {
	id     string
	begin  func()
	then   then
	expand func(limit int) []occamy.Task
	handle func()
}

// then is what a task does after its first statement: it ends, waits for others, or waits for its stop.
type then struct {
	meet   *sync.WaitGroup
	park   bool
	linger time.Duration
	ended  func(took time.Duration)
}

// farOff is every task's deadline: the library drops an offer whose deadline is over, and the zero time is. It is read
// from the clock once, since the library asks for details within what is measured.
var farOff = base.Add(time.Hour)

func (s *script) Details() occamy.TaskDetails {
	return occamy.TaskDetails{ID: s.id, Deadline: farOff}
}

func (s *script) Do(ctx context.Context) error {
	if s.begin != nil {
		s.begin()
	}
	switch {
	case s.then.meet != nil:
		s.then.meet.Done()
		s.then.meet.Wait()
	case s.then.park:
		<-ctx.Done()
		if s.then.linger > 0 {
			stopped := time.Now()
			time.Sleep(s.then.linger)
			if s.then.ended != nil {
				s.then.ended(time.Since(stopped))
			}
		}
		return occamy.ErrTaskInterrupted
	}
	return nil
}

func (s *script) Expand(limit int) []occamy.Task {
	if s.expand == nil {
		return nil
	}
	return s.expand(limit)
}

func (s *script) Handle(context.Context, occamy.Headers, []byte) error {
	if s.handle != nil {
		s.handle()
	}
	return nil
}
