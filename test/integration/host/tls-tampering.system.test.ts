import { describe } from 'vitest'
import { cutEverywhere, spoilEverywhere } from '../../support/faults/tamper-table.ts'

describe('a handshake of tls', { timeout: 300_000 }, () => {
  describe('that is cut', () => {
    cutEverywhere('tls', ['fin', 'reset'])
  })

  describe('that is spoilt', () => {
    spoilEverywhere('tls', ['silence', 'flip', 'garbage'], 4)
  })
})
