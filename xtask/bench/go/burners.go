// burners: see bench/src/burners.rs. This library knows neither overlap nor priorities.

package main

import (
	"context"
	"flag"
	"math/rand"
	"sync/atomic"
	"time"

	"github.com/Graphmasters/occamy"
)

func burners(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	neverLook := flags.Bool("never-look", false, "")
	servers := flags.Int("servers", 0, "")
	requests := flags.Int("requests", 0, "")
	timeout := flags.Int("kill-timeout", 0, "in milliseconds")
	return func() (*record, error) {
		const longestPause = 10 * time.Millisecond
		steps := stepsLasting(20 * time.Microsecond)
		record := newRecord()
		for i := 0; i < *servers; i++ {
			end := &end{}
			h := openHolders(*slots, time.Duration(*timeout)*time.Millisecond, func(begin func()) occamy.Task {
				return &burner{begin: begin, looks: !*neverLook, steps: steps, end: end}
			})
			for j := 0; j < *requests; j++ {
				time.Sleep(time.Duration(rand.Int63n(int64(longestPause))))
				outcome := h.requests(1)
				record.Samples["start"] = append(record.Samples["start"], outcome.last)
				record.Refused += outcome.refused
				if outcome.refused == 0 {
					h.heldAgain(1)
				}
			}
			end.come()
			shut(h.server)
		}
		return record, nil
	}
}

// burner holds a slot and burns the CPU.
type burner struct {
	begin func()
	looks bool
	steps int
	end   *end
}

func (b *burner) Details() occamy.TaskDetails {
	return occamy.TaskDetails{Deadline: farOff}
}

func (b *burner) Expand(int) []occamy.Task { return nil }

func (b *burner) Handle(context.Context, occamy.Headers, []byte) error { return nil }

func (b *burner) Do(ctx context.Context) error {
	atomic.AddInt64(&b.end.running, 1)
	defer atomic.AddInt64(&b.end.running, -1)
	b.begin()
	for !b.end.released.Load() && !(b.looks && ctx.Err() != nil) {
		compute(b.steps)
	}
	if ctx.Err() != nil {
		return occamy.ErrTaskInterrupted
	}
	return nil
}

// end is the end of what burns on a server, whether it looks at its stop or not.
type end struct {
	released atomic.Bool
	running  int64
}

func (e *end) come() {
	e.released.Store(true)
	for atomic.LoadInt64(&e.running) > 0 {
		time.Sleep(time.Millisecond)
	}
}

// sink keeps the computing from being left out.
var sink atomic.Uint64

func compute(steps int) {
	state := uint64(1)
	for i := 0; i < steps; i++ {
		state ^= state << 13
		state ^= state >> 7
		state ^= state << 17
	}
	if state == 0 {
		sink.Add(1)
	}
}

// stepsLasting says how many steps take so long on a core that is not shared.
func stepsLasting(wanted time.Duration) int {
	const trial = 1 << 16
	shortest := time.Hour
	for i := 0; i < 16; i++ {
		start := time.Now()
		compute(trial)
		shortest = min(shortest, time.Since(start))
	}
	return max(1, int(int64(trial)*int64(wanted)/max(int64(shortest), 1)))
}
