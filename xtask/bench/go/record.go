// record is what a run prints: see bench/src/record.rs.

package main

import "time"

type record struct {
	Figures map[string]float64         `json:"figures"`
	Samples map[string][]time.Duration `json:"samples"`
	Refused int                        `json:"refused"`
}

func newRecord() *record {
	return &record{Figures: map[string]float64{}, Samples: map[string][]time.Duration{}}
}

func nanosecondsEach(took time.Duration, count int) float64 {
	return float64(took.Nanoseconds()) / float64(count)
}
