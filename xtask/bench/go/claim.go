// claim: see bench/src/claim.rs. The trace is one that occamy-bench has written. This library expands by its period or by
// call only, so it is called as often as the options say.

package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"sort"
	"strconv"
	"syscall"
	"time"

	"github.com/Graphmasters/occamy"
)

func claim(flags *flag.FlagSet) func() (*record, error) {
	cores := flags.Int("cores", 0, "")
	piece := flags.Int("piece", 250, "in microseconds")
	file := flags.String("trace", "", "")
	period := flags.Int("expansion-period", 1, "in milliseconds")
	return func() (*record, error) {
		const look, idleRequests, idlePause = 20 * time.Microsecond, 400, 3 * time.Millisecond
		trace, err := readTrace(*file)
		if err != nil {
			return nil, err
		}
		before := speedOfEach(*cores)
		steps := func(lasting time.Duration) int { return max(1, int(before*lasting.Seconds())) }
		cut := cut{piece: steps(time.Duration(*piece) * time.Microsecond), look: steps(look)}
		var idle, burst []*job
		for i := 0; i < idleRequests; i++ {
			idle = append(idle, newJob(time.Duration(i)*idlePause, cut.look, cut))
		}
		for _, request := range trace {
			burst = append(burst, newJob(request.arrival, steps(request.work), cut))
		}

		jobs := append(append([]*job{}, idle...), burst...)
		roles := roles{}
		for i, job := range jobs {
			roles[strconv.Itoa(i)] = func() occamy.Task { return &hand{job: job, leads: true} }
		}
		server := newServer(*cores, killTimeout, roles)
		warmUp(server, *cores)
		over := make(chan struct{})
		go func() {
			for pause := time.NewTicker(time.Duration(*period) * time.Millisecond); ; {
				select {
				case <-pause.C:
					server.ExpandTasks()
				case <-over:
					return
				}
			}
		}()
		record := newRecord()
		handOver(idle, 0, *cores, server, record)
		record.Samples["idle_start"] = startsGivenRoom(idle, *cores)
		handOver(burst, len(idle), *cores, server, record)
		close(over)
		after := speedOfEach(*cores)
		shut(server)

		useful, thrown, completions := 0, 0, time.Duration(0)
		for _, job := range burst {
			useful, thrown = useful+job.steps, thrown+int(job.thrown.Load())
			completions += job.ended - job.arrival
			record.Samples["completion"] = append(record.Samples["completion"], job.ended-job.arrival)
			record.Samples["start"] = append(record.Samples["start"], job.started-job.arrival)
			record.Samples["start_once_handed_over"] = append(record.Samples["start_once_handed_over"], job.started-job.handedOver)
		}
		record.Samples["start_given_room"] = startsGivenRoom(burst, *cores)
		record.Figures["mean_completion"] = nanosecondsEach(completions, len(burst))
		record.Figures["useful_share"] = float64(useful) / ((before + after) / 2 * withWork(burst).Seconds() * float64(*cores))
		record.Figures["thrown_share"] = float64(thrown) / float64(useful+thrown)
		record.Figures["thrown_per_request"] = float64(thrown) / before * 1e9 / float64(len(burst))
		return record, nil
	}
}

// handOver makes each request when it is due, not more at a time than there are slots. A call waits until its victim has
// ended, so each is made by a goroutine of its own.
func handOver(jobs []*job, first, slots int, server *occamy.Server, record *record) {
	open := make(chan struct{}, slots)
	refused := make(chan struct{}, len(jobs))
	began := time.Now().Add(5 * time.Millisecond)
	for i, job := range jobs {
		job.began = began
		time.Sleep(time.Until(began.Add(job.arrival)))
		open <- struct{}{}
		job.handedOver = time.Since(began)
		go server.HandleRequestMsg(newLetter(strconv.Itoa(first+i), func(done bool) {
			if !done {
				refused <- struct{}{}
			}
			<-open
		}))
	}
	for i := 0; i < slots; i++ {
		open <- struct{}{}
	}
	record.Refused += len(refused)
}

// request is a line of a trace.
type request struct {
	arrival, work time.Duration
}

func readTrace(name string) ([]request, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var trace []request
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var r request
		if _, err := fmt.Sscan(lines.Text(), (*int64)(&r.arrival), (*int64)(&r.work)); err != nil {
			return nil, err
		}
		trace = append(trace, r)
	}
	return trace, nil
}

// startsGivenRoom and withWork: see bench/src/times.rs.
func startsGivenRoom(jobs []*job, slots int) []time.Duration {
	var starts, ends []time.Duration
	for i, job := range jobs {
		room := job.arrival
		if i >= slots {
			room = max(room, ends[i-slots])
		}
		starts = append(starts, max(0, job.started-room))
		at := sort.Search(len(ends), func(at int) bool { return ends[at] > job.ended })
		ends = append(ends, 0)
		copy(ends[at+1:], ends[at:])
		ends[at] = job.ended
	}
	return starts
}

func withWork(jobs []*job) time.Duration {
	var total, until time.Duration
	for _, job := range jobs {
		total += max(0, job.ended-max(job.arrival, until))
		until = max(until, job.ended)
	}
	return total
}

// speedOfEach says how many steps each core does in a second on it, all of them busy at once.
func speedOfEach(cores int) float64 {
	const trial, lasting = 1 << 16, 500 * time.Millisecond
	done := make(chan int, cores)
	before, end := onCores(), time.Now().Add(lasting)
	for i := 0; i < cores; i++ {
		go func() {
			steps := 0
			for ; time.Now().Before(end); steps += trial {
				compute(trial)
			}
			done <- steps
		}()
	}
	steps := 0
	for i := 0; i < cores; i++ {
		steps += <-done
	}
	return float64(steps) / (onCores() - before).Seconds()
}

// onCores says how long this process has been on cores.
func onCores() time.Duration {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // can't fail
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
