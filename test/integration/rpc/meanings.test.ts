import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { WIRES } from '../../support/wires.ts'
import { CALL_ROWS } from './meaning-rows.ts'
import { CLIENT_ROWS } from './meaning-rows-client.ts'
import { STREAM_ROWS } from './meaning-rows-streams.ts'

const PAGE = readFileSync(new URL('../../../docs/server.md', import.meta.url), 'utf8')
const [, TABLE = ''] = /## What an option or a refusal means on each wire\n([^]*?)\n## /.exec(PAGE) ?? []
const ROWS = [...CALL_ROWS, ...STREAM_ROWS]

describe.each(WIRES)('on the %s wire', wire => {
  it.each(ROWS)('$name means what docs/server.md says', ({ check }) => check(wire))

  it.each(CLIENT_ROWS)('of a client $name', ({ check }) => check(wire))
})

it('every line of the table in docs/server.md is one of these', () => {
  const names = [...TABLE.matchAll(/^\| (.*?) \|/gm)]
    .map(([, name = '']) => name)
    .filter(name => name !== 'on the server')
  const lines = names.filter(name => !name.startsWith('-'))
  expect(lines.length).toBeGreaterThan(20)
  expect(lines.toSorted()).toEqual(ROWS.map(({ name }) => name).toSorted())
})
