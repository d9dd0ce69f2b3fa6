import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { NO_FAULTS, resolveFaults } from '../../../src/testing/fault-options.ts'
import { createNetwork } from '../../../src/testing/index.ts'

describe('fault options', () => {
  it('are none by default', () => {
    expect(resolveFaults({}, 'test')).toEqual(NO_FAULTS)
    expect(NO_FAULTS).toMatchObject({ latency: 0, jitter: 0, bandwidth: Infinity, loss: 0, slowReader: Infinity })
  })

  it.for<[object, string]>([
    [{ latency: -1 }, 'latency'],
    [{ jitter: Number.NaN }, 'jitter'],
    [{ loss: 1.1 }, 'loss'],
    [{ errorRate: '1' }, 'errorRate'],
    [{ corruption: null }, 'corruption'],
    [{ bandwidth: 0 }, 'bandwidth'],
    [{ slowReader: -Infinity }, 'slowReader'],
    [{ packetSize: 1.5 }, 'packetSize'],
    [{ stallTime: 1e9 }, 'stallTime'],
    [{ lossMode: 'drop' }, 'lossMode'],
    [{ lag: 1 }, 'lag']
  ])('%j is refused: ERR_INVALID_CONFIG names the option, the place and the value', ([given, name]) => {
    const wrong = (): unknown => resolveFaults(given, 'withFaults')
    expect(wrong).toThrow(expect.objectContaining({ code: 'ERR_INVALID_CONFIG' }))
    expect(wrong).toThrow(name)
    expect(wrong).toThrow('withFaults')
  })

  it('a seed is a whole number, and hosts are counted', async () => {
    await expect(createNetwork({ seed: 0.5 })).rejects.toMatchObject({ code: 'ERR_INVALID_CONFIG' })
    await expect(createNetwork({ hosts: -1 })).rejects.toMatchObject({ code: 'ERR_INVALID_ARGUMENT' })
  })

  it('are all in docs/testing.md', () => {
    const text = readFileSync(new URL('../../../docs/testing.md', import.meta.url), 'utf8')
    const listed = [...text.matchAll(/^\| `(\w+)` \|/gm)].map(match => match[1])
    expect(listed).toEqual(expect.arrayContaining(Object.keys(NO_FAULTS)))
  })
})
