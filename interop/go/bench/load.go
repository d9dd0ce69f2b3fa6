package main

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// maxRequests bounds one run, whatever the time.
const maxRequests = 5_000_000

// load is how much is asked, and for how long.
type load struct {
	Bytes       int     `json:"bytes"`
	Concurrency int     `json:"concurrency"`
	Seconds     float64 `json:"seconds"`
}

// measured is what one run did; latencies in ms.
type measured struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	Max      float64 `json:"max"`
}

var lastTag atomic.Uint32

// run keeps calls in flight for some seconds and checks every answer, as runLoad of bench/rpc/load.ts does.
func (l load) run(calls *pipeline) (measured, error) {
	var workers sync.WaitGroup
	var total atomic.Int64
	latencies := make([][]float64, l.Concurrency)
	errs := make([]error, l.Concurrency)
	start := time.Now()
	stop := start.Add(time.Duration(l.Seconds * float64(time.Second)))
	for i := range l.Concurrency {
		workers.Go(func() { latencies[i], errs[i] = l.ask(calls, stop, &total) })
	}
	workers.Wait()
	elapsed := time.Since(start).Seconds()
	for _, err := range errs {
		if err != nil {
			return measured{}, err
		}
	}
	sorted := slices.Concat(latencies...)
	slices.Sort(sorted)
	return measured{len(sorted), elapsed, quantile(sorted, 0.5), quantile(sorted, 0.99), quantile(sorted, 1)}, nil
}

// ask sends one request after the other, each with a number of its own at both ends of its body.
func (l load) ask(calls *pipeline, stop time.Time, total *atomic.Int64) ([]float64, error) {
	c := &call{request: make([]byte, l.Bytes), answer: make([]byte, l.Bytes), done: make(chan error, 1)}
	rand.Read(c.request)
	var latencies []float64
	for sent := time.Now(); sent.Before(stop) && total.Add(1) <= maxRequests; {
		tag := lastTag.Add(1)
		binary.BigEndian.PutUint32(c.request, tag)
		binary.BigEndian.PutUint32(c.request[l.Bytes-4:], tag)
		if err := calls.do(c); err != nil {
			return nil, err
		}
		if binary.BigEndian.Uint32(c.answer) != tag || binary.BigEndian.Uint32(c.answer[l.Bytes-4:]) != tag {
			return nil, wrongAnswer(len(c.answer), l.Bytes)
		}
		answered := time.Now()
		latencies = append(latencies, float64(answered.Sub(sent))/float64(time.Millisecond))
		sent = answered
	}
	return latencies, nil
}

func wrongAnswer(bytes, asked int) error {
	return fmt.Errorf("a wrong answer: %d bytes for a request of %d bytes", bytes, asked)
}

// quantile is the value that a share of the sorted values do not exceed.
func quantile(sorted []float64, share float64) float64 {
	if len(sorted) == 0 {
		return math.NaN()
	}
	return sorted[max(0, int(math.Ceil(float64(len(sorted))*share))-1)]
}
