// job is an elastic request, an amount of work of which as many hands may take pieces as there are: see
// bench/src/claim/job.rs.

package main

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/Graphmasters/occamy"
)

type job struct {
	arrival time.Duration
	steps   int
	cut     cut
	thrown  atomic.Int64

	left    sync.Mutex
	changed *sync.Cond
	untaken int
	inHand  int

	began                      time.Time
	handedOver, started, ended time.Duration
}

// cut says how work is cut, in steps.
type cut struct {
	piece, look int
}

func newJob(arrival time.Duration, steps int, cut cut) *job {
	j := &job{arrival: arrival, steps: steps, cut: cut, untaken: steps}
	j.changed = sync.NewCond(&j.left)
	return j
}

func (j *job) lead() {
	j.started = time.Since(j.began)
	for {
		j.assist(func() bool { return false })
		j.left.Lock()
		for j.untaken == 0 && j.inHand > 0 {
			j.changed.Wait()
		}
		done := j.untaken == 0
		j.left.Unlock()
		if done {
			break
		}
	}
	j.ended = time.Since(j.began)
}

// assist takes pieces until none is left to take, or it is told to stop: then it says false.
func (j *job) assist(isStopped func() bool) bool {
	for piece := j.take(); piece > 0; piece = j.take() {
		for done := 0; done < piece; {
			if isStopped() {
				j.thrown.Add(int64(done))
				j.layDown(piece)
				return false
			}
			next := min(j.cut.look, piece-done)
			compute(next)
			done += next
		}
		j.layDown(0)
	}
	return true
}

func (j *job) take() int {
	j.left.Lock()
	defer j.left.Unlock()
	piece := min(j.untaken, j.cut.piece)
	if piece > 0 {
		j.untaken -= piece
		j.inHand++
	}
	return piece
}

func (j *job) layDown(undone int) {
	j.left.Lock()
	j.untaken += undone
	j.inHand--
	j.left.Unlock()
	j.changed.Broadcast()
}

func (j *job) untakenPieces() int {
	j.left.Lock()
	defer j.left.Unlock()
	return (j.untaken + j.cut.piece - 1) / j.cut.piece
}

// hand is a task that works on a job: its master or an assistant.
type hand struct {
	job   *job
	leads bool
}

func (h *hand) Details() occamy.TaskDetails {
	return occamy.TaskDetails{Deadline: farOff}
}

func (h *hand) Do(ctx context.Context) error {
	if h.leads {
		h.job.lead()
	} else if !h.job.assist(func() bool { return ctx.Err() != nil }) {
		return occamy.ErrTaskInterrupted
	}
	return nil
}

func (h *hand) Expand(limit int) []occamy.Task {
	tasks := make([]occamy.Task, min(limit, h.job.untakenPieces()))
	for i := range tasks {
		tasks[i] = &hand{job: h.job}
	}
	return tasks
}

func (h *hand) Handle(context.Context, occamy.Headers, []byte) error { return nil }
