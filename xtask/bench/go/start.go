// start: see bench/src/start.rs.

package main

import (
	"flag"
	"time"

	"github.com/Graphmasters/occamy"
)

func start(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	requests := flags.Int("requests", 0, "")
	pause := flags.Int("pause", 0, "in microseconds")
	firstUse := flags.Bool("first-use", false, "")
	return func() (*record, error) {
		started, settled, last := newCountdown(), newCountdown(), &stamp{}
		begin := func() {
			last.mark()
			started.count()
		}
		server := newServer(*slots, killTimeout, roles{
			"end":  func() occamy.Task { return &script{begin: begin} },
			"stay": func() occamy.Task { return &script{begin: begin, then: then{park: true}} },
		})
		role := "stay"
		if !*firstUse {
			role = "end"
			warmUp(server, *slots)
		}

		var starts []time.Duration
		for i := 0; i < *requests; i++ {
			if *pause > 0 {
				time.Sleep(time.Duration(*pause) * time.Microsecond)
			}
			started.expect(1)
			settled.expect(1)
			letter := newLetter(role, func(bool) { settled.count() })
			call := time.Now()
			server.HandleRequestMsg(letter)
			started.done()
			if !*firstUse {
				settled.done()
			}
			starts = append(starts, last.since(call))
		}

		// Those that stay settle their messages now, and nobody waits for it.
		settled.expect(0)
		shut(server)
		record := newRecord()
		record.Samples["start"] = starts
		return record, nil
	}
}
