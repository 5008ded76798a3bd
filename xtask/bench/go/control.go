// control: see bench/src/control.rs. A call returns when the last Handle has.

package main

import (
	"flag"
	"time"

	"github.com/Graphmasters/occamy"
)

func control(flags *flag.FlagSet) func() (*record, error) {
	tasks := flags.Int("tasks", 0, "")
	messages := flags.Int("messages", 0, "")
	volleys := flags.Int("volleys", 0, "")
	rounds := flags.Int("rounds", 0, "")
	return func() (*record, error) {
		const volley = 64
		started, handled, last, quick := newCountdown(), newCountdown(), &stamp{}, &stamp{}
		parked := func(id string, handle func()) func() occamy.Task {
			return func() occamy.Task {
				return &script{id: id, begin: started.count, then: then{park: true}, handle: func() {
					handle()
					handled.count()
				}}
			}
		}
		server := newServer(*tasks+2, killTimeout, roles{
			"many":  parked("many", last.mark),
			"slow":  parked("slow", func() { time.Sleep(50 * time.Millisecond) }),
			"quick": parked("quick", quick.mark),
		})
		park(server, "many", *tasks, started)
		park(server, "slow", 1, started)
		park(server, "quick", 1, started)
		send := func(id string) {
			server.HandleControlMsg(&letter{headers: occamy.Headers{taskID: id}})
		}

		record := newRecord()
		for i := 0; i < *messages; i++ {
			handled.expect(*tasks)
			call := time.Now()
			send("many")
			handled.done()
			record.Samples["message"] = append(record.Samples["message"], last.since(call))
		}

		start := time.Now()
		for i := 0; i < *volleys; i++ {
			handled.expect(volley * *tasks)
			for j := 0; j < volley; j++ {
				send("many")
			}
			handled.done()
		}
		each := nanosecondsEach(time.Since(start), *volleys*volley)
		record.Figures["ns_per_message"] = each
		record.Figures["messages_per_second"] = 1e9 / each

		for i := 0; i < *rounds; i++ {
			handled.expect(2)
			call := time.Now()
			send("slow")
			send("quick")
			handled.done()
			record.Samples["behind_a_slow_one"] = append(record.Samples["behind_a_slow_one"], quick.since(call))
		}
		shut(server)
		return record, nil
	}
}
