import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { buildGoPeers } from './go-peers.ts'
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

const cache = fileURLToPath(new URL('../node_modules/.cache/pointsub', import.meta.url))

/** vitest's globalSetup: builds the Go peers once, and at the end prints how many combinations ran. */
export async function setup(project: TestProject): Promise<() => void> {
  mkdirSync(cache, { recursive: true })
  const paths = [...extraPeers(), ...(await buildGoPeers(cache))]
  project.provide('peers', withDistinctNames(await Promise.all(paths.map(describe))))
  const tally = join(cache, `interop-${process.pid}.tally`)
  rmSync(tally, { force: true })
  project.provide('tally', tally)
  return () => printTally(tally)
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
  const counts = new Map<string, number>()
  for (const line of lines) {
    const link = line.replace(/\t.*/, '')
    counts.set(link, (counts.get(link) ?? 0) + 1)
  }
  const sorted = [...counts].toSorted(([one], [other]) => one.localeCompare(other))
  const links = sorted.map(([link, count]) => `${link} (${count})`).join(', ')
  process.stdout.write(`\ninterop: ${lines.size} combinations ran, over ${links}\n`)
}
