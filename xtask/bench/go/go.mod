module occamy/xtask/bench/go

go 1.22

require github.com/Graphmasters/occamy v0.3.0
