// burst: see bench/src/burst.rs.

package main

import (
	"flag"
	"sync/atomic"
	"time"

	"github.com/Graphmasters/occamy"
)

func burst(flags *flag.FlagSet) func() (*record, error) {
	slots := flags.Int("slots", 0, "")
	requests := flags.Int("requests", 0, "")
	linger := flags.Int("linger", 0, "in microseconds")
	rounds := flags.Int("rounds", 0, "")
	return func() (*record, error) {
		var slowest int64
		park := then{park: true, linger: time.Duration(*linger) * time.Microsecond, ended: func(took time.Duration) {
			for {
				before := atomic.LoadInt64(&slowest)
				if int64(took) <= before || atomic.CompareAndSwapInt64(&slowest, before, int64(took)) {
					return
				}
			}
		}}
		h := openHolders(*slots, killTimeout, func(begin func()) occamy.Task {
			return &script{begin: begin, then: park}
		})
		record := newRecord()
		var lasts, stops time.Duration
		for i := 0; i < *rounds; i++ {
			outcome := h.requests(*requests)
			stop := time.Duration(atomic.SwapInt64(&slowest, 0))
			lasts, stops = lasts+outcome.last, stops+stop
			record.Refused += outcome.refused
			record.Samples["last_start"] = append(record.Samples["last_start"], outcome.last)
			record.Samples["slowest_stop"] = append(record.Samples["slowest_stop"], stop)
			h.heldAgain(*requests)
		}
		record.Figures["times_the_slowest_stop"] = float64(lasts) / float64(stops)
		shut(h.server)
		return record, nil
	}
}
