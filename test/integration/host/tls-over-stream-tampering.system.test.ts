import { describe } from 'vitest'
import { cutEverywhere, spoilEverywhere } from '../../support/faults/tamper-table.ts'

describe('a handshake of TLS over a stream', { timeout: 300_000 }, () => {
  describe('that is cut', () => {
    cutEverywhere('tls over a stream', ['fin', 'reset'], 5)
  })

  describe('that is spoilt', () => {
    spoilEverywhere('tls over a stream', ['silence', 'flip', 'garbage'], 7)
  })
})
