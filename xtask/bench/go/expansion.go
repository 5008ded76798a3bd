// expansion: see bench/src/expansion.rs.

package main

import (
	"flag"
	"sync/atomic"
	"time"

	"github.com/Graphmasters/occamy"
)

func expansion(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	rounds := flags.Int("rounds", 0, "")
	refills := flags.Int("refills", 0, "")
	passes := flags.Int("passes", 0, "")
	return func() (*record, error) {
		record := newRecord()
		var idle time.Duration
		for i := 0; i < *rounds; i++ {
			e := newExpanding(*slots)
			record.Samples["fill"] = append(record.Samples["fill"], e.expand(*slots-1))
			for j := 0; j < *refills; j++ {
				e.evictOne()
				record.Samples["refill"] = append(record.Samples["refill"], e.expand(1))
			}
			start := time.Now()
			for j := 0; j < *passes; j++ {
				e.server.ExpandTasks()
			}
			idle += time.Since(start)
			shut(e.server)
		}
		record.Figures["ns_per_pass"] = nanosecondsEach(idle, *rounds**passes)
		return record, nil
	}
}

// expansionRest is the pause before each expansion, as long as ours: a longer one leaves caches and threads colder.
const expansionRest = 5 * time.Millisecond

// expanding is a server with one request, which expands as it is told to.
type expanding struct {
	server  *occamy.Server
	wanted  int64
	started *countdown
	last    *stamp
}

func newExpanding(slots int) *expanding {
	e := &expanding{started: newCountdown(), last: &stamp{}}
	begin := func() {
		e.last.mark()
		e.started.count()
	}
	expand := func(limit int) []occamy.Task {
		count := min(limit, int(atomic.LoadInt64(&e.wanted)))
		atomic.AddInt64(&e.wanted, -int64(count))
		tasks := make([]occamy.Task, count)
		for i := range tasks {
			tasks[i] = &script{begin: begin, then: then{park: true}}
		}
		return tasks
	}
	e.server = newServer(slots, killTimeout, roles{
		"nothing": func() occamy.Task { return &script{} },
		"master":  func() occamy.Task { return &script{begin: begin, then: then{park: true}, expand: expand} },
	})
	warmUp(e.server, slots)
	park(e.server, "master", 1, e.started)
	return e
}

// expand measures from the call of ExpandTasks to the first statement of the last of so many assistants.
func (e *expanding) expand(assistants int) time.Duration {
	time.Sleep(expansionRest)
	e.started.expect(assistants)
	atomic.StoreInt64(&e.wanted, int64(assistants))
	call := time.Now()
	e.server.ExpandTasks()
	e.started.done()
	return e.last.since(call)
}

// evictOne has a request take the slot of an assistant, and end.
func (e *expanding) evictOne() {
	settled := newCountdown()
	settled.expect(1)
	e.server.HandleRequestMsg(newLetter("nothing", func(bool) { settled.count() }))
	settled.done()
}
