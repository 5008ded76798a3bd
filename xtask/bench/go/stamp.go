// stamp keeps the time of the latest of some events: see bench/src/stamp.rs.

package main

import (
	"sync/atomic"
	"time"
)

var base = time.Now()

type stamp struct {
	latest int64
}

func (s *stamp) mark() {
	now := int64(time.Since(base))
	for {
		latest := atomic.LoadInt64(&s.latest)
		if now <= latest || atomic.CompareAndSwapInt64(&s.latest, latest, now) {
			return
		}
	}
}

func (s *stamp) since(call time.Time) time.Duration {
	if after := time.Duration(atomic.LoadInt64(&s.latest)) - call.Sub(base); after > 0 {
		return after
	}
	return 0
}
