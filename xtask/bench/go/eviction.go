// eviction: see bench/src/eviction.rs.

package main

import (
	"flag"

	"github.com/Graphmasters/occamy"
)

func eviction(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	requests := flags.Int("requests", 0, "")
	return func() (*record, error) {
		h := openHolders(*slots, killTimeout, func(begin func()) occamy.Task {
			return &script{begin: begin, then: then{park: true}}
		})
		record := newRecord()
		for i := 0; i < *requests; i++ {
			outcome := h.requests(1)
			record.Refused += outcome.refused
			record.Samples["start"] = append(record.Samples["start"], outcome.last)
			h.heldAgain(1)
		}
		shut(h.server)
		return record, nil
	}
}
