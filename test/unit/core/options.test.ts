import { describe, expect, it } from 'vitest'
import { PointSubError } from '../../../src/core/errors.ts'
import { type NumberRow, type OptionRow, type OptionTable, resolveOptions } from '../../../src/core/option-table.ts'
import { OPTIONS } from '../../../src/core/options.ts'
import { createHost } from '../../../src/host/index.ts'
import { Client, type Host, Server } from '../../../src/index.ts'

const MIB = 1024 * 1024

type Row<R extends OptionRow> = [table: string, name: string, row: R, rows: OptionTable]

const ROWS: Row<OptionRow>[] = Object.entries(OPTIONS).flatMap(([table, rows]: [string, OptionTable]) =>
  Object.entries(rows).map(([name, row]): Row<OptionRow> => [table, name, row, rows])
)
const NUMBERS = ROWS.filter((row): row is Row<NumberRow> => 'unit' in row[2])
const CHOICES = ROWS.filter((row): row is Row<Exclude<OptionRow, NumberRow>> => 'choices' in row[2])

/** Resolves a table with one option given, whatever its value. */
function resolveOne(table: OptionTable, name: string, value: unknown): Readonly<Record<string, unknown>> {
  const given: object = { [name]: value }
  return resolveOptions(table, given, 'Here')
}

describe.each(CHOICES)('option %s.%s', (_, name, row, table) => {
  it('has a default among its choices and a sentence about it', () => {
    expect<readonly (string | boolean)[]>(row.choices).toContain(row.default)
    expect(row.doc).toMatch(/^[A-Z`].*\.$/)
    expect(resolveOptions(table, {}, 'Here')[name]).toBe(row.default)
    expect(resolveOne(table, name, undefined)[name]).toBe(row.default)
  })

  it('takes each of its choices, and nothing else', () => {
    for (const value of row.choices) expect(resolveOne(table, name, value)[name]).toBe(value)
    for (const value of [null, 0, 1, 'yes', '', []]) {
      expect(() => resolveOne(table, name, value)).toThrow(
        expect.objectContaining({
          code: 'ERR_INVALID_CONFIG',
          message: `Here: ${name} must be ${row.choices.join(' or ')}, not ${String(value)}`
        })
      )
    }
  })
})

describe.each(NUMBERS)('option %s.%s', (_, name, row, table) => {
  const unit = row.unit === 'ms' || row.unit === 'bytes' ? ` of ${row.unit}` : ''
  const number = row.unit === 'ratio' ? 'a number' : 'a whole number'
  const step = row.unit === 'ratio' ? 0.01 : 1

  it('has a default within its bounds and a sentence about it', () => {
    expect(row.default).toBeGreaterThanOrEqual(row.min)
    expect(row.default).toBeLessThanOrEqual(row.max)
    expect(row.doc).toMatch(/^[A-Z`].*\.$/)
    expect(['ms', 'bytes', 'count', 'ratio']).toContain(row.unit)
  })

  it('is its default when not given, or given as undefined', () => {
    expect(resolveOptions(table, {}, 'Here')[name]).toBe(row.default)
    expect(resolveOne(table, name, undefined)[name]).toBe(row.default)
  })

  it('takes every value from its least to its largest, and changes no other option', () => {
    for (const value of [row.min, row.min + step, row.max - step, row.max]) {
      expect(resolveOne(table, name, value)).toEqual({ ...resolveOptions(table, {}, 'Here'), [name]: value })
    }
  })

  it.each([
    row.min - 1,
    row.max + 1,
    -row.min - step,
    row.min + (row.unit === 'ratio' ? row.max : 0.5),
    Number.NaN,
    Number.POSITIVE_INFINITY,
    null,
    String(row.min),
    BigInt(Math.ceil(row.min)),
    [row.min],
    true
  ])('does not take %s, and says what it takes', value => {
    expect(() => resolveOne(table, name, value)).toThrow(
      expect.objectContaining({
        name: 'PointSubError',
        code: 'ERR_INVALID_CONFIG',
        message: `Here: ${name} must be ${number}${unit} from ${row.min} to ${row.max}, not ${String(value)}`
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
    const defaults = (table: OptionTable): object =>
      Object.fromEntries(Object.entries(table).map(([name, row]) => [name, row.default]))
    expect(defaults(client)).toMatchObject({
      readTimeout: 30_000,
      writeTimeout: 30_000,
      maxRetries: 3,
      retryInterval: 1_000,
      maxIdleConns: 100,
      idleConnTimeout: 5 * 60_000,
      maxIdleConnsPerPeer: 10,
      maxTotalConns: 100,
      enableCompression: true
    })
    expect(defaults(server)).toMatchObject({
      connectTimeout: 5_000,
      maxConcurrentConns: 1_000,
      minConcurrentConns: 100,
      maxLoadFactor: 0.8,
      maxRequestsPerConn: 10_000,
      bufferPoolSize: 4 * 1024,
      enableCompression: true,
      cleanupInterval: 5 * 60_000,
      maxIdleTime: 30 * 60_000,
      maxMemoryUsage: 1024 * MIB
    })
  })

  it('retires streams before a Go server does, and opens fewer than a Go peer admits', () => {
    expect(OPTIONS.client.idleTimeout.default).toBeLessThan(30_000)
    expect(OPTIONS.client.maxRequestsPerStream.default).toBeLessThanOrEqual(10_000)
    expect(OPTIONS.client.maxStreamsPerPeer.default).toBeLessThan(75)
  })

  it('bounds every time by what a timer can hold', () => {
    for (const [, name, row] of NUMBERS.filter(([, , { unit }]) => unit === 'ms')) {
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
