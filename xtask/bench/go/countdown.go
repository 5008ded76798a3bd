// countdown waits until something happened so often: see bench/src/countdown.rs.

package main

import "sync/atomic"

type countdown struct {
	left int64
	zero chan struct{}
}

func newCountdown() *countdown {
	return &countdown{zero: make(chan struct{}, 1)}
}

func (c *countdown) expect(count int) {
	atomic.StoreInt64(&c.left, int64(count))
}

func (c *countdown) count() {
	for {
		left := atomic.LoadInt64(&c.left)
		if left == 0 {
			return
		}
		if atomic.CompareAndSwapInt64(&c.left, left, left-1) {
			if left == 1 {
				c.zero <- struct{}{}
			}
			return
		}
	}
}

func (c *countdown) done() {
	<-c.zero
}
