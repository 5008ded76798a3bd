// Runs one benchmark once on the original Go library, and prints what it measured as one line of JSON. The benchmarks,
// their options and their output are those of occamy-bench, in bench/src: what is measured from where to where must be
// the same in both.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// benchmark registers its options, and returns what runs it.
type benchmark func(flags *flag.FlagSet) func() (*record, error)

var benchmarks = map[string]benchmark{
	"burners":   burners,
	"burst":     burst,
	"claim":     claim,
	"control":   control,
	"dispatch":  dispatch,
	"eviction":  eviction,
	"expansion": expansion,
	"memory":    memory,
	"start":     start,
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	global := flag.NewFlagSet("occamy-peer", flag.ExitOnError)
	limit := global.Int("limit", 120, "end with an error after so many seconds")
	_ = global.Parse(arguments) // ends the process on an error
	time.AfterFunc(time.Duration(*limit)*time.Second, func() {
		fmt.Fprintf(os.Stderr, "not done within %d s\n", *limit)
		os.Exit(3)
	})

	name := global.Arg(0)
	found, ok := benchmarks[name]
	if !ok {
		return fmt.Errorf("no benchmark %q", name)
	}
	flags := flag.NewFlagSet(name, flag.ExitOnError)
	do := found(flags)
	_ = flags.Parse(global.Args()[1:])
	record, err := do()
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(record)
}
