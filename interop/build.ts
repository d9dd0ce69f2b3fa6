import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import type { LineOf } from './lines.ts'
import { WirePeer } from './peer.ts'

/** A wire peer's binary and what it says it can do. */
export interface PeerBinary {
  path: string
  info: LineOf<'info'>
}

declare module 'vitest' {
  interface ProvidedContext {
    /** The peers to test against: Go's, and those of POINTSUB_PEERS. */
    peers: PeerBinary[]
    /** Where every case that ran leaves a line. */
    tally: string
  }
}

const source = fileURLToPath(new URL('go', import.meta.url))
const cache = fileURLToPath(new URL('../node_modules/.cache/pointsub', import.meta.url))

/** vitest's globalSetup: builds the Go peer once, and at the end prints how many combinations ran. */
export async function setup(project: TestProject): Promise<() => void> {
  mkdirSync(cache, { recursive: true })
  const paths = [buildGoPeer(), ...extraPeers()]
  project.provide('peers', withDistinctNames(await Promise.all(paths.map(describe))))
  const tally = join(cache, `interop-${process.pid}.tally`)
  rmSync(tally, { force: true })
  project.provide('tally', tally)
  return () => printTally(tally)
}

function buildGoPeer(): string {
  const binary = join(cache, process.platform === 'win32' ? 'wire-peer.exe' : 'wire-peer')
  const built = spawnSync('go', ['build', '-trimpath', '-buildvcs=false', '-o', binary, '.'], {
    cwd: source,
    encoding: 'utf8'
  })
  if (built.error !== undefined) {
    throw new Error(
      'The interop tests need Go 1.26 or newer: they build the wire peer in interop/go, and the command "go" could not be run.',
      { cause: built.error }
    )
  }
  if (built.status !== 0) throw new Error(`The wire peer in interop/go does not build:\n${built.stderr}`)
  return binary
}

function extraPeers(): string[] {
  const paths = (process.env['POINTSUB_PEERS'] ?? '').split(delimiter).filter(path => path !== '')
  for (const path of paths) {
    if (!existsSync(path)) throw new Error(`POINTSUB_PEERS names a binary that does not exist: ${path}`)
  }
  return paths
}

async function describe(path: string): Promise<PeerBinary> {
  await using peer = new WirePeer(path, 'info')
  return { path, info: await peer.first('info') }
}

function withDistinctNames(peers: PeerBinary[]): PeerBinary[] {
  const isShared = (name: string): boolean => peers.filter(({ info }) => info.name === name).length > 1
  return peers.map(({ path, info }) => ({
    path,
    info: isShared(info.name) ? { ...info, name: `${info.name} (${path})` } : info
  }))
}

/** Every line is `link` TAB `case`; a link is a peer, a transport and a handshake. */
function printTally(tally: string): void {
  if (!existsSync(tally)) return
  const lines = new Set(readFileSync(tally, 'utf8').trim().split('\n'))
  rmSync(tally)
  const links = new Set([...lines].map(line => line.replace(/\t.*/, '')))
  process.stdout.write(
    `\ninterop: ${lines.size} combinations ran, over ${[...links].toSorted((one, other) => one.localeCompare(other)).join(', ')}\n`
  )
}
