import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { OPTIONS } from '../../src/core/options.ts'

const ROOT = new URL('../..', import.meta.url).pathname

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
  const text = readFileSync(join(ROOT, page), 'utf8')
  const names = Object.keys(OPTIONS[table])

  it(`are all explained in ${page}`, () => {
    expect(names.length).toBeGreaterThan(15)
    expect(names.filter(name => !text.includes(`\`${name}\``))).toEqual([])
  })

  // Written as `name` (30 s), or as a row | `name` | 30 s |.
  it(`have the defaults that ${page} says`, () => {
    const said = [...text.matchAll(/`(\w+)` (?:\(|\| )([\d,.]+) ?(s|min|KiB|MiB|GiB)?(?:\)| \|)/g)]
      .map(([, name = '', number = '', unit = '']) => ({
        name,
        value: Number(number.replaceAll(',', '')) * (UNITS[unit] ?? 1)
      }))
      .filter(({ name }) => names.includes(name))
    expect(said.length).toBeGreaterThan(7)
    const defaults = new Map(Object.entries(OPTIONS[table]).map(([name, row]) => [name, row.default]))
    expect(said.filter(({ name, value }) => defaults.get(name) !== value)).toEqual([])
  })
})
