import { describe, expect, it } from 'vitest'
import { PointSubError } from '../../../src/core/errors.ts'
import { OPTIONS, type OptionRow, type OptionTable, resolveOptions } from '../../../src/core/options.ts'
import { createHost } from '../../../src/host/index.ts'
import { Client, type Host, Server } from '../../../src/index.ts'

const MIB = 1024 * 1024

const ROWS = Object.entries(OPTIONS).flatMap(([table, rows]: [string, OptionTable]) =>
  Object.entries(rows).map(([name, row]): [string, string, OptionRow, OptionTable] => [table, name, row, rows])
)

/** Resolves a table with one option given, whatever its value. */
function resolveOne(table: OptionTable, name: string, value: unknown): Readonly<Record<string, number>> {
  const given: object = { [name]: value }
  return resolveOptions(table, given, 'Here')
}

describe.each(ROWS)('option %s.%s', (_, name, row, table) => {
  const unit = row.unit === 'count' ? '' : ` of ${row.unit}`

  it('has a default within its bounds and a sentence about it', () => {
    expect(row.default).toBeGreaterThanOrEqual(row.min)
    expect(row.default).toBeLessThanOrEqual(row.max)
    expect(row.doc).toMatch(/^[A-Z`].*\.$/)
    expect(['ms', 'bytes', 'count']).toContain(row.unit)
  })

  it('is its default when not given, or given as undefined', () => {
    expect(resolveOptions(table, {}, 'Here')[name]).toBe(row.default)
    expect(resolveOne(table, name, undefined)[name]).toBe(row.default)
  })

  it('takes every value from its least to its largest, and changes no other option', () => {
    for (const value of [row.min, row.min + 1, row.max - 1, row.max]) {
      expect(resolveOne(table, name, value)).toEqual({ ...resolveOptions(table, {}, 'Here'), [name]: value })
    }
  })

  it.each([
    row.min - 1,
    row.max + 1,
    -row.min,
    row.min + 0.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    String(row.min),
    BigInt(row.min),
    [row.min],
    true
  ])('does not take %s, and says what it takes', value => {
    expect(() => resolveOne(table, name, value)).toThrow(
      expect.objectContaining({
        name: 'PointSubError',
        code: 'ERR_INVALID_CONFIG',
        message: `Here: ${name} must be a whole number${unit} from ${row.min} to ${row.max}, not ${String(value)}`
      })
    )
  })
})

describe('the table of options', () => {
  it("has Go PointSub's defaults where Go has the option", () => {
    const { client, server } = OPTIONS
    expect(client.maxBlockSize.default).toBe(32 * MIB)
    expect(client.connectTimeout.default).toBe(5_000)
    expect(server.maxBlockSize.default).toBe(32 * MIB)
    expect(server.readTimeout.default).toBe(30_000)
    expect(server.writeTimeout.default).toBe(30_000)
    expect(server.idleTimeout.default).toBe(60_000)
  })

  it('retires streams before a Go server does, and opens fewer than a Go peer admits', () => {
    expect(OPTIONS.client.idleTimeout.default).toBeLessThan(30_000)
    expect(OPTIONS.client.maxRequestsPerStream.default).toBeLessThanOrEqual(10_000)
    expect(OPTIONS.client.maxStreamsPerPeer.default).toBeLessThan(75)
  })

  it('bounds every time by what a timer can hold', () => {
    for (const [, name, row] of ROWS.filter(([, , { unit }]) => unit === 'ms')) {
      expect(row.max, name).toBeLessThanOrEqual(2 ** 31 - 1)
    }
  })

  it('cannot be changed', () => {
    for (const [, name, row, table] of ROWS) {
      expect(Object.isFrozen(row), name).toBe(true)
      expect(Object.isFrozen(table), name).toBe(true)
    }
    expect(Object.isFrozen(OPTIONS)).toBe(true)
    expect(Object.isFrozen(resolveOptions(OPTIONS.client, {}, 'Here'))).toBe(true)
  })
})

describe('an option that does not exist', () => {
  it.each(['maxRetrys', 'MaxBlockSize', 'toString', '__proto__', 'constructor', ''])(
    'is refused, and the error lists those that do: %j',
    name => {
      const given: object = JSON.parse(`{ ${JSON.stringify(name)}: 1 }`)
      expect(() => resolveOptions(OPTIONS.client, given, 'Client')).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_CONFIG',
          message: `Client: there is no option "${name}"; the options are ${Object.keys(OPTIONS.client).join(', ')}`
        })
      )
    }
  )
})

describe('options given to', () => {
  const host: Partial<Host> = {}
  const wrong = { maxBlockSize: 0 }

  it('a Client are checked when it is made', () => {
    expect(() => new Client(host as Host, wrong)).toThrow(/^Client: maxBlockSize must be/)
  })

  it('a Server are checked when it is made', () => {
    expect(() => new Server(host as Host, wrong)).toThrow(/^Server: maxBlockSize must be/)
  })

  it('createHost() are checked before anything is started', async () => {
    await expect(createHost({ maxConnections: 0 })).rejects.toThrow(/^createHost: maxConnections must be/)
    await expect(createHost({ maxConnections: 0 })).rejects.toBeInstanceOf(PointSubError)
  })
})
