import { spawnSync } from 'node:child_process'
import { findProgram } from './support/programs.ts'

/** A program the fixtures start, and the Debian package it is in. */
const NEEDED: Readonly<Record<string, string>> = {
  openssl: 'openssl',
  tar: 'tar',
  initdb: 'postgresql',
  'redis-server': 'redis-server'
}

/** vitest's globalSetup: installs the servers that are missing. Nothing is skipped for want of one. */
export function setup(): void {
  const missing = Object.keys(NEEDED).filter(program => findProgram(program) === undefined)
  if (missing.length === 0) return
  const packages = missing.map(program => NEEDED[program] ?? program)
  const what = `the ecosystem tests need ${missing.join(', ')} (Debian: ${packages.join(' ')})`
  if (findProgram('apt-get') === undefined) throw new Error(`${what}, and there is no apt-get to install them with`)
  if (process.getuid?.() !== 0) throw new Error(`${what}: run "apt-get install ${packages.join(' ')}" as root first`)
  console.log(`installing ${packages.join(' ')}`)
  aptGet(what, 'update')
  aptGet(what, 'install', '--yes', '--no-install-recommends', ...packages)
  const stillMissing = missing.filter(program => findProgram(program) === undefined)
  if (stillMissing.length > 0) throw new Error(`${what}: installed, but ${stillMissing.join(', ')} cannot be found`)
}

function aptGet(what: string, ...args: string[]): void {
  const { error, status, stderr } = spawnSync('apt-get', ['--quiet', ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
    timeout: 300_000
  })
  if (error === undefined && status === 0) return
  throw new Error(`${what}: "apt-get ${args.join(' ')}" failed (${error?.message ?? `exit code ${status}`})\n${stderr}`)
}
