// memory: see bench/src/memory.rs. What the collector can free is freed before each look.

package main

import (
	"flag"
	"fmt"
	"os"
	"runtime/debug"
	"time"

	"github.com/Graphmasters/occamy"
)

func memory(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	offers := flags.Int("offers", 0, "")
	return func() (*record, error) {
		started, offered := newCountdown(), newCountdown()
		small := newServer(2, killTimeout, roles{})
		warmUp(small, 2)

		nothing, err := resident()
		if err != nil {
			return nil, err
		}
		server := newServer(*slots, killTimeout, roles{
			"park": func() occamy.Task {
				offered.count()
				return &script{begin: started.count, then: then{park: true}}
			},
		})
		idle, err := resident()
		if err != nil {
			return nil, err
		}
		park(server, "park", *slots, started)
		parked, err := resident()
		if err != nil {
			return nil, err
		}
		// One at a time: the library queues each by a goroutine, and Go keeps for good what it needed for as many as
		// there were at once.
		for i := 0; i < *offers; i++ {
			offered.expect(1)
			server.HandleControlMsg(newLetter("park", nil))
			offered.done()
		}
		// The last is stored a little after the handler returned.
		time.Sleep(rest)
		withOffers, err := resident()
		if err != nil {
			return nil, err
		}

		shut(server)
		shut(small)
		record := newRecord()
		record.Figures["bytes_per_slot"] = float64(idle-nothing) / float64(*slots)
		record.Figures["bytes_per_task"] = float64(parked-idle) / float64(*slots)
		if *offers > 0 {
			record.Figures["bytes_per_offer"] = float64(withOffers-parked) / float64(*offers)
		}
		return record, nil
	}
}

// resident says how much of this process lies in memory, in bytes.
func resident() (int64, error) {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}
