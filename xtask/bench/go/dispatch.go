// dispatch: see bench/src/dispatch.rs.

package main

import (
	"flag"
	"sync/atomic"
	"time"

	"github.com/Graphmasters/occamy"
)

func dispatch(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	parked := flags.Int("parked", 0, "")
	requests := flags.Int("requests", 0, "")
	return func() (*record, error) {
		started := newCountdown()
		server := newServer(*slots, killTimeout, roles{
			"nothing": func() occamy.Task { return &script{} },
			"park":    func() occamy.Task { return &script{begin: started.count, then: then{park: true}} },
		})
		warmUp(server, *slots)
		park(server, "park", *parked, started)

		var refused int64
		free := *slots - *parked
		room := make(chan struct{}, free)
		settled := func(done bool) {
			if !done {
				atomic.AddInt64(&refused, 1)
			}
			<-room
		}
		// One body for all, as ours has: a copy each would be made within what is measured.
		body := []byte("nothing")
		start := time.Now()
		for i := 0; i < *requests; i++ {
			room <- struct{}{}
			server.HandleRequestMsg(&letter{body: body, settled: settled})
		}
		for i := 0; i < free; i++ {
			room <- struct{}{}
		}
		took := time.Since(start)

		shut(server)
		record := newRecord()
		record.Figures["ns_per_request"] = nanosecondsEach(took, *requests)
		record.Refused = int(refused)
		return record, nil
	}
}
