import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Cancellation } from '../../src/core/cancellation.ts'
import { type ApplicationErrorCode, type ErrorCode, type ErrorDetails, PointSubError } from '../../src/core/errors.ts'
import { OPTIONS } from '../../src/core/options.ts'
import { Retry } from '../../src/rpc/retry.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  min: 60_000,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3
}

describe.for([
  ['client', 'docs/client.md'],
  ['server', 'docs/server.md']
] as const)('the options of a %s', ([table, page]) => {
  const text = read(page)
  const names = new Set(Object.keys(OPTIONS[table]))

  it(`are all explained in ${page}`, () => {
    expect(names.size).toBeGreaterThan(15)
    expect([...names].filter(name => !text.includes(`\`${name}\``))).toEqual([])
  })

  // Written as `name` (30 s), or as a row | `name` | 30 s |.
  it(`have the defaults that ${page} says`, () => {
    const said = [...text.matchAll(/`(\w+)` (?:\(|\| )([\d,.]+) ?(s|min|KiB|MiB|GiB)?(?:\)| \|)/g)]
      .map(([, name = '', number = '', unit = '']) => ({
        name,
        value: Number(number.replaceAll(',', '')) * (UNITS[unit] ?? 1)
      }))
      .filter(({ name }) => names.has(name))
    expect(said.length).toBeGreaterThan(7)
    const defaults = new Map(Object.entries(OPTIONS[table]).map(([name, row]) => [name, row.default]))
    expect(said.filter(({ name, value }) => defaults.get(name) !== value)).toEqual([])
  })
})

describe('the table of retries in docs/client.md', () => {
  const rows = [...read('docs/client.md').matchAll(/^\| (`ERR_.*) \| (always|when|no)\b.*\|$/gm)]
  const codes = new Set([...read('src/core/errors.ts').matchAll(/\| '(ERR_\w+)'/g)].map(([, code = '']) => code))
  const isCode = (text: string): text is ErrorCode => codes.has(text)

  it.for(rows.map(([, cells = '', verdict = '']) => ({ cells, verdict })))(
    '$verdict: $cells',
    async ({ cells, verdict }) => {
      // A timeout of the whole call is told by the call being over, not by its code.
      for (const [, code = ''] of cells.replace('`ERR_TIMEOUT` of `timeout`, ', '').matchAll(/`(ERR_\w+)`/g)) {
        if (!isCode(code)) throw new Error(`${code} is no error code`)
        expect([code, await isRetried(code, { sent: false }, false)]).toEqual([code, verdict !== 'no'])
        expect([code, await isRetried(code, { sent: true }, true)]).toEqual([code, verdict !== 'no'])
        expect([code, await isRetried(code, { sent: true }, false)]).toEqual([code, false])
      }
    }
  )

  it.for(['ERR_BUSY', 'ERR_REMOTE', 'ERR_TIMEOUT', 'ERR_INVALID_ARGUMENT'] as const)(
    'leaves the last word to a peer that failed with %s',
    async code => {
      const verdicts = [true, false].map(retryable => isRetried(code, { sent: true, remote: true, retryable }, true))
      expect(await Promise.all(verdicts)).toEqual([true, false])
      expect(await isRetried(code, { sent: true, remote: true, retryable: true }, false)).toBe(false)
    }
  )

  it('has every code a call can fail with', () => {
    const said = new Set(rows.flatMap(([row]) => [...row.matchAll(/ERR_\w+/g)].map(([code]) => code)))
    const documented = read('src/rpc/client.ts').match(/ {3}\* @throws PointSubError with `sent`[^]*?\*\//)?.[0] ?? ''
    const thrown = [...documented.matchAll(/ERR_\w+/g)].map(([code]) => code)
    expect(thrown.length).toBeGreaterThan(10)
    expect(thrown.filter(code => !said.has(code))).toEqual([])
  })
})

async function isRetried(
  code: ErrorCode | ApplicationErrorCode,
  details: ErrorDetails,
  idempotent: boolean
): Promise<boolean> {
  const retry = new Retry({ maxRetries: 1, retryInterval: 1, retryBackoff: 'constant', retryBudget: 1 })
  using cancellation = new Cancellation({})
  const attempt = (): Promise<void> => Promise.reject(new PointSubError(code, 'told to fail', details))
  await retry.run(attempt, cancellation, idempotent).catch(() => {})
  return retry.count > 0
}
