// holders is a server whose slots are all held by unprotected tasks: see bench/src/holders.rs. In this library an
// evicted offer is gone, and what waits is started by ExpandTasks only: heldAgain sees to both.

package main

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/Graphmasters/occamy"
)

type holders struct {
	server  *occamy.Server
	held    *countdown
	offered *countdown
	started *stamp
	meet    *sync.WaitGroup
}

// outcome is what became of requests that were made at once.
type outcome struct {
	last    time.Duration
	refused int
}

func openHolders(slots int, killTimeout time.Duration, hold func(begin func()) occamy.Task) *holders {
	h := &holders{held: newCountdown(), offered: newCountdown(), started: &stamp{}}
	h.server = newServer(slots, killTimeout, roles{
		"request": func() occamy.Task { return &script{begin: h.started.mark, then: then{meet: h.meet}} },
		"hold": func() occamy.Task {
			defer h.offered.count()
			return hold(h.held.count)
		},
	})
	warmUp(h.server, slots)
	h.heldAgain(slots)
	return h
}

// heldAgain has so many slots held that are empty.
func (h *holders) heldAgain(slots int) {
	h.held.expect(slots)
	h.offered.expect(slots)
	for i := 0; i < slots; i++ {
		h.server.HandleControlMsg(newLetter("hold", nil))
	}
	h.offered.done()
	for {
		// The offer is stored a little after the handler returned.
		time.Sleep(time.Millisecond)
		h.server.ExpandTasks()
		select {
		case <-h.held.zero:
			return
		case <-time.After(rest):
		}
	}
}

// requests makes so many requests at once, and waits until they have ended or were refused. A call waits until its
// victim has ended, so each is made by a goroutine of its own.
func (h *holders) requests(count int) outcome {
	settled := newCountdown()
	settled.expect(count)
	var refused int64
	if count > 1 {
		// Each stays until all have started: one that ended before would leave its slot to another.
		h.meet = &sync.WaitGroup{}
		h.meet.Add(count)
	}
	letters := make([]*letter, count)
	for i := range letters {
		letters[i] = newLetter("request", func(done bool) {
			if !done {
				atomic.AddInt64(&refused, 1)
			}
			settled.count()
		})
	}
	call := time.Now()
	for _, letter := range letters[1:] {
		go h.server.HandleRequestMsg(letter)
	}
	h.server.HandleRequestMsg(letters[0])
	settled.done()
	o := outcome{last: h.started.since(call), refused: int(refused)}
	if refused > 0 {
		o.last = time.Since(call)
	}
	return o
}
