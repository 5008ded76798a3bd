// letter is a message in memory that tells when it is settled: see bench/src/letter.rs.

package main

import "github.com/Graphmasters/occamy"

type letter struct {
	headers occamy.Headers
	body    []byte
	settled func(done bool)
}

func newLetter(role string, settled func(done bool)) *letter {
	return &letter{body: []byte(role), settled: settled}
}

func (l *letter) Body() []byte            { return l.body }
func (l *letter) Headers() occamy.Headers { return l.headers }

func (l *letter) Ack() error {
	if l.settled != nil {
		l.settled(true)
	}
	return nil
}

func (l *letter) Reject(bool) error {
	if l.settled != nil {
		l.settled(false)
	}
	return nil
}
