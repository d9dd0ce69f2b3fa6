import { execFile } from 'node:child_process'
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const SOURCE = fileURLToPath(new URL('go', import.meta.url))
const OVERLAY = fileURLToPath(new URL('go-dep2p', import.meta.url))
const SUFFIX = process.platform === 'win32' ? '.exe' : ''

/** What the sources import, and what PointSub v1.0.4 to v1.2.3 was built on in its place. */
const ON_DEP2P = [
  ['"github.com/libp2p/go-libp2p', '"github.com/dep2p/go-dep2p'],
  ['"github.com/libp2p/go-msgio', '"github.com/dep2p/go-dep2p/p2plib/msgio']
] as const

/** Builds the wire peer on go-libp2p and on go-dep2p into a folder; gives the paths of the programs. */
export async function buildGoPeers(folder: string): Promise<string[]> {
  const onDep2p = join(folder, 'go-dep2p')
  deriveSources(onDep2p)
  // One after the other: each build uses all cores, and the second finds the standard library compiled.
  return [
    await build(SOURCE, join(folder, `wire-peer${SUFFIX}`)),
    await build(onDep2p, join(folder, `wire-peer-dep2p${SUFFIX}`))
  ]
}

/** The sources with go-dep2p in the place of go-libp2p. */
function deriveSources(folder: string): void {
  rmSync(folder, { recursive: true, force: true })
  const files = readdirSync(SOURCE, { recursive: true, encoding: 'utf8' })
  for (const file of files.filter(name => name.endsWith('.go') && !name.endsWith('_test.go'))) {
    const target = join(folder, file)
    mkdirSync(dirname(target), { recursive: true })
    writeFileSync(target, ON_DEP2P.reduce(replaced, readFileSync(join(SOURCE, file), 'utf8')))
  }
  cpSync(OVERLAY, folder, { recursive: true })
}

function replaced(text: string, [from, to]: readonly [string, string]): string {
  return text.replaceAll(from, to)
}

async function build(source: string, program: string): Promise<string> {
  try {
    await promisify(execFile)('go', ['build', '-trimpath', '-buildvcs=false', '-o', program, '.'], { cwd: source })
  } catch (cause) {
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    const why = isMissing
      ? 'The interop tests need Go 1.26 or newer: they build two wire peers, and the command "go" could not be run.'
      : `The wire peer in ${source} does not build.`
    throw new Error(why, { cause })
  }
  return program
}
