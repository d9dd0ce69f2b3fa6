package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	"pointsub.test/wirepeer/mux"
)

// muxCaller is the requesting half of the mux wire: calls at the same time on one session, and a new one when it ends.
type muxCaller struct {
	*caller
	settings mux.Settings
	metadata map[string]string
	cancel   time.Duration

	mu      sync.Mutex
	current *mux.Client
	all     []*mux.Client
}

// negotiate opens the first session. With auto a peer that has the plain wire alone gets that, after one round trip.
func (m *muxCaller) negotiate(auto bool) (wire string, err error) {
	ids := []protocol.ID{m.protocol + mux.Suffix}
	if auto {
		ids = append(ids, m.protocol)
	}
	ctx, cancel := context.WithTimeout(context.Background(), m.timeout)
	defer cancel()
	stream, err := m.self.NewStream(ctx, m.remote, ids...)
	if err != nil {
		return "", err
	}
	if stream.Protocol() == m.protocol {
		return "plain", stream.Close()
	}
	m.began(stream)
	return "mux", nil
}

func (m *muxCaller) began(stream network.Stream) {
	m.current = mux.NewClient(m.self, stream, m.settings)
	m.all = append(m.all, m.current)
}

// session gives the one that calls go to now.
func (m *muxCaller) session(ctx context.Context) (*mux.Client, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.current.Usable() {
		return m.current, nil
	}
	stream, err := m.self.NewStream(ctx, m.remote, m.protocol+mux.Suffix)
	if err == nil {
		m.began(stream)
	}
	return m.current, err
}

// callAll shares the requests out to workers, in the order they are free.
func (m *muxCaller) callAll(count, concurrency int) {
	var next atomic.Int64
	var workers sync.WaitGroup
	for range min(concurrency, count) {
		workers.Go(func() {
			for i := int(next.Add(1)) - 1; i < count; i = int(next.Add(1)) - 1 {
				m.call(i, m.body(i))
			}
		})
	}
	workers.Wait()
}

// beside echoes large bodies all the time, a number of them at once, until it is told to stop.
func (m *muxCaller) beside(count, size int) (stop func()) {
	var workers sync.WaitGroup
	var stopped atomic.Bool
	begun := make(chan struct{}, count)
	for i := range count {
		content := body(i, size)
		workers.Go(func() {
			for first := true; !stopped.Load(); first = false {
				if first {
					begun <- struct{}{}
				}
				answer, err := m.ask(context.Background(), content)
				if err == nil && !bytes.Equal(answer.Body, content) {
					err = errors.New("another body came back")
				}
				if err != nil {
					m.fail(-1, err)
					return
				}
			}
		})
	}
	for range count {
		<-begun
	}
	return func() {
		stopped.Store(true)
		workers.Wait()
	}
}

// ask makes one call; a session that takes no more is replaced.
func (m *muxCaller) ask(ctx context.Context, content []byte) (mux.Message, error) {
	for {
		session, err := m.session(ctx)
		if err != nil {
			return mux.Message{}, err
		}
		answer, err := session.Call(ctx, mux.Message{Body: content, Metadata: m.metadata})
		var failure *mux.Failure
		if errors.As(err, &failure) && failure.Code == "ERR_SERVER_CLOSED" && failure.Unprocessed && !session.Usable() {
			continue
		}
		return answer, err
	}
}

func (m *muxCaller) call(i int, content []byte) {
	start := time.Now()
	ctx, release := context.WithTimeout(context.Background(), m.timeout)
	defer release()
	if m.cancel > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithCancel(ctx)
		time.AfterFunc(m.cancel, cancel)
	}
	answer, err := m.ask(ctx, content)
	var failure *mux.Failure
	switch {
	case errors.As(err, &failure):
		m.failed.Add(1)
		emit("error", fields{
			"i": i, "error": fmt.Sprint(err), "code": failure.Code, "message": failure.Message,
			"retryable": failure.Retryable, "unprocessed": failure.Unprocessed,
			"retryAfter": failure.RetryAfter.Milliseconds(), "details": failure.Details,
		})
	case err != nil:
		m.fail(i, err)
	default:
		m.ok.Add(1)
		emit("answer", answerLine(i, answer.Body, content, start, fields{"metadata": answer.Metadata}))
	}
}

func (m *muxCaller) ping() {
	taken, err := m.current.Ping(context.Background())
	if err != nil {
		m.fail(-1, err)
		return
	}
	emit("pong", fields{"ms": float64(taken.Microseconds()) / 1000})
}

// traffic is what all sessions have carried.
func (m *muxCaller) traffic() (sum mux.Traffic) {
	for _, session := range m.all {
		one := session.Traffic()
		sum.Received += one.Received
		sum.Sent += one.Sent
	}
	return sum
}

// close ends every session, and waits until the peer has ended it, too.
func (m *muxCaller) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), m.timeout)
	defer cancel()
	for _, session := range m.all {
		session.Close(ctx)
	}
	return nil
}
