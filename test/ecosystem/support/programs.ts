import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { accessSync, chownSync, constants, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { until } from '../../support/until.ts'

const run = promisify(execFile)

/** The folders of PATH, those of root, and where Debian keeps PostgreSQL's programs, newest first. */
function folders(): string[] {
  const postgres = '/usr/lib/postgresql'
  return [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/sbin',
    '/sbin',
    ...namesIn(postgres)
      .toSorted((one, other) => Number(other) - Number(one))
      .map(version => join(postgres, version, 'bin'))
  ]
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return []
  }
}

/** The path of a program, if it is installed. */
export function findProgram(name: string): string | undefined {
  return folders()
    .map(folder => join(folder, name))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

interface SpawnOptions extends Account {
  cwd?: string
}

/** Who a program runs as, in the words of `spawn()`. */
export interface Account {
  uid?: number
  gid?: number
}

/** The account of `user` when we are root: PostgreSQL refuses to be that. Anybody else stays who they are. */
export async function accountOf(user: string): Promise<Account> {
  if (process.getuid?.() !== 0) return {}
  const [uid, gid] = await Promise.all(['-u', '-g'].map(flag => runProgram('id', [flag, user])))
  return { uid: Number(uid), gid: Number(gid) }
}

function pathOf(name: string): string {
  const path = findProgram(name)
  if (path === undefined) throw new Error(`${name} is not installed`)
  return path
}

/** Runs a program to its end; its output is in the error when it fails. */
export async function runProgram(name: string, args: readonly string[], options: SpawnOptions = {}): Promise<string> {
  const { stdout } = await run(pathOf(name), args, { timeout: 60_000, ...options })
  return stdout
}

/** A folder that is removed in the end. */
export class TemporaryFolder implements Disposable {
  readonly path: string = mkdtempSync(join(tmpdir(), 'pointsub-ecosystem-'))

  /** Writes a file that only its owner can read. */
  write(name: string, content: string): void {
    writeFileSync(join(this.path, name), content, { mode: 0o600 })
  }

  /** Makes it, and what is in it, the home of programs that run as somebody else. */
  giveTo({ uid, gid }: Account): void {
    if (uid === undefined || gid === undefined) return
    for (const name of ['', ...readdirSync(this.path)]) chownSync(join(this.path, name), uid, gid)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** A TCP port on loopback that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Starts a program that runs until it is stopped; its output is kept for the error when it does not get ready. */
export class Daemon {
  readonly #child: ChildProcess
  #output = ''

  constructor(name: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#child = spawn(pathOf(name), args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] })
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-10_000)
      })
    }
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** Waits until `text` is in its output. */
  async says(text: string): Promise<void> {
    const look = (): object => ({ ended: this.hasEnded, output: this.#output })
    await until(`a program says "${text}"`, look, () => this.hasEnded || this.#output.includes(text))
    if (!this.#output.includes(text)) throw new Error(`the program ended: ${this.#output}`)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.hasEnded) return
    const exited = once(this.#child, 'exit')
    this.#child.kill(signal)
    await exited
  }
}
