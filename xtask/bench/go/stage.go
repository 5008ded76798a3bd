// Servers as benchmarks need them, and what is done with one before anything is measured: see bench/src/stage.rs.

package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Graphmasters/occamy"
)

// roles makes tasks by a message's body: see bench/src/roles.rs.
type roles map[string]func() occamy.Task

const meet = "meet"

// taskID is the header of control messages that names their task.
const taskID = "task-id"

// rest is for what the library does after a task returned or a call did, and nobody can wait for.
const rest = 20 * time.Millisecond

// newServer makes a server on which nothing happens by itself, and nobody listens. It adds the role that warmUp needs.
func newServer(slots int, killTimeout time.Duration, roles roles) *occamy.Server {
	met := &sync.WaitGroup{}
	met.Add(slots)
	roles[meet] = func() occamy.Task { return &script{then: then{meet: met}} }
	return occamy.NewServer(occamy.ServerConfig{
		Slots:           slots,
		KillTimeout:     killTimeout,
		HeaderKeyTaskID: taskID,
		Handler: func(_ occamy.Headers, body []byte) (occamy.Task, error) {
			found, ok := roles[string(body)]
			if !ok {
				return nil, errors.New("no such role")
			}
			return found(), nil
		},
		Monitors: occamy.Monitors{
			Error:    occamy.NopErrorMonitor{},
			Latency:  occamy.NopLatencyMonitor{},
			Resource: occamy.NopResourceMonitor{},
		},
	})
}

const killTimeout = 5 * time.Second

// warmUp has a task run in every slot once, all at the same time.
func warmUp(server *occamy.Server, slots int) {
	settled := newCountdown()
	settled.expect(slots)
	for i := 0; i < slots; i++ {
		server.HandleRequestMsg(newLetter(meet, func(bool) { settled.count() }))
	}
	settled.done()
	time.Sleep(rest)
}

// park makes requests that stay, of a role whose first statement counts here.
func park(server *occamy.Server, role string, tasks int, started *countdown) {
	if tasks > 0 {
		started.expect(tasks)
		for i := 0; i < tasks; i++ {
			server.HandleRequestMsg(newLetter(role, nil))
		}
		started.done()
	}
}

// shut ends the server and what runs on it, without a grace.
func shut(server *occamy.Server) {
	over, cancel := context.WithCancel(context.Background())
	cancel()
	server.Shutdown(over)
}
