import { describe } from 'vitest'
import { cutEverywhere, spoilEverywhere } from '../../support/faults/tamper-table.ts'

describe('a handshake of noise', { timeout: 300_000 }, () => {
  describe('that is cut', () => {
    cutEverywhere('noise', ['fin', 'reset'])
  })

  describe('that is spoilt', () => {
    spoilEverywhere('noise', ['silence', 'flip', 'garbage'], 4)
  })
})
