import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'

const SRC = new URL('../../src', import.meta.url).pathname

/** The rooms of src and the rooms each may import from; see docs/architecture.md. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  core: [],
  conn: ['core'],
  compression: ['core'],
  frame: ['core'],
  mux: ['core', 'conn', 'frame', 'compression'],
  route: ['core'],
  rpc: ['core', 'conn', 'frame', 'mux', 'route'],
  net: ['core', 'conn'],
  smts: ['core', 'conn', 'frame', 'compression'],
  host: ['core'],
  testing: ['core'],
  cli: ['core', 'conn', 'rpc', 'host'],
  '.': ['core', 'conn', 'rpc']
}
/** Only these may use Node's own modules: the rest runs in browsers too. */
const NODE_ROOMS = new Set(['net', 'host', 'cli'])
/** What a condition in package.json replaces outside Node may use them as well. */
const NODE_FILES = new Set(['compression/node-codec.ts'])
/** Names of package.json's `imports`, and the room each leads into. */
const NAMED: Readonly<Record<string, string>> = { '#codec': 'compression' }
/** Only these make libp2p nodes; the rest works on whatever node it is given. */
const LIBP2P_ROOMS = new Set(['host', 'testing', 'cli'])

interface Import {
  file: string
  from: string
  target: string
}

const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))
const roomOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : '.')
const imports: Import[] = files.flatMap(file => {
  const text = readFileSync(join(SRC, file), 'utf8')
  return [
    ...text.matchAll(/^(?:import|export)\b[^'"]*?from\s*'([^']+)'|^import\s*'([^']+)'|\bimport\('([^']+)'\)/gm)
  ].map(match => ({ file, from: roomOf(file), target: match[1] ?? match[2] ?? match[3] ?? '' }))
})

function roomBehind({ file, target }: Import): string {
  return target.startsWith('#') ? (NAMED[target] ?? target) : roomOf(relative(SRC, join(SRC, file, '..', target)))
}

describe('the layers of src', () => {
  it('sees the imports at all', () => {
    expect(imports.length).toBeGreaterThan(50)
  })

  it('has no room that is not on the plan', () => {
    expect(files.map(roomOf).filter(room => !Object.hasOwn(ROOMS, room))).toEqual([])
  })

  it('imports one way only', () => {
    const wrong = imports
      .filter(({ target }) => /^[.#]/.test(target))
      .map(each => ({ ...each, to: roomBehind(each) }))
      .filter(({ from, to }) => from !== to && !ROOMS[from]?.includes(to))
    expect(wrong).toEqual([])
  })

  it('uses node: modules only where there is no browser', () => {
    const wrong = imports
      .filter(({ target }) => target.startsWith('node:'))
      .filter(({ from, file }) => !NODE_ROOMS.has(from) && !NODE_FILES.has(file))
    expect(wrong).toEqual([])
  })

  it('makes libp2p nodes only in host, testing and cli', () => {
    expect(imports.filter(({ from, target }) => target === 'libp2p' && !LIBP2P_ROOMS.has(from))).toEqual([])
  })
})
