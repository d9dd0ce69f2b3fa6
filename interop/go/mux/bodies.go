package mux

import "context"

// incoming is a large message that comes.
type incoming struct {
	head Frame
	body []byte
}

func (s *session) takeBody(f Frame) error {
	count := uint32(len(f.Body))
	s.granted -= int64(count)
	if s.granted < 0 {
		return violation("more bytes than there was credit for")
	}
	s.owed += count
	if s.owed >= min(maxOwed, max(1, s.settings.Credit/2)) {
		s.send(s.control, Frame{Type: Credit, Bytes: s.owed})
		s.granted += int64(s.owed)
		s.owed = 0
	}
	message := s.incoming[f.ID]
	if message == nil {
		return nil
	}
	message.body = append(message.body, f.Body...)
	tooLong := len(message.body) > int(message.head.Size)
	if f.Flags&flagLast == 0 && !tooLong {
		return nil
	}
	delete(s.incoming, f.ID)
	message.head.Body = message.body
	return s.handle(message.head, nil)
}

// sendLarge sends a message on the data stream, in turns with others and as credit allows; sent is called with the last piece,
// with the lock.
func (s *session) sendLarge(ctx context.Context, head Frame, rest []byte, sent func()) error {
	head.Flags |= flagLarge
	if err := s.await(ctx, func() bool {
		if s.data == nil || s.underWay == maxUnderWay {
			return false
		}
		s.underWay++
		s.send(s.data, head)
		return true
	}); err != nil {
		return err
	}
	defer func() {
		s.mu.Lock()
		s.underWay--
		s.wake()
		s.mu.Unlock()
	}()
	for last := false; !last; {
		if err := s.await(ctx, func() bool {
			piece := min(len(rest), maxPiece, int(s.credit))
			if s.data.queued > maxQueued || piece == 0 && len(rest) > 0 || ctx.Err() != nil {
				return false
			}
			last = piece == len(rest)
			f := Frame{Type: Body, ID: head.ID, Body: rest[:piece]}
			if last {
				f.Flags = flagLast
			}
			s.credit -= int64(piece)
			rest = rest[piece:]
			s.send(s.data, f)
			if last {
				sent()
			}
			return true
		}); err != nil {
			return err
		}
	}
	return nil
}
