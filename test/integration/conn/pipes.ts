import type { Libp2p } from '@libp2p/interface'
import { type Conn, dial, listen } from '../../../src/index.ts'
import { ourHost, type TestHost } from '../../support/hosts.ts'

export interface Pipe extends AsyncDisposable {
  /** The dialler's end and the listener's end of one stream. */
  near: Conn
  far: Conn
  dialler: Libp2p
  server: Libp2p
}

/** One Conn between two nodes over TCP. */
export async function pipe(make: () => Promise<TestHost> = ourHost): Promise<Pipe> {
  const [server, dialler] = await Promise.all([make(), make()])
  const listener = await listen(server, '/pipe/1.0.0')
  const near = await dial(dialler, addressOf(server), '/pipe/1.0.0')
  const far = await listener.accept()
  return {
    near,
    far,
    dialler,
    server,
    async [Symbol.asyncDispose]() {
      await Promise.all([server[Symbol.asyncDispose](), dialler[Symbol.asyncDispose]()])
    }
  }
}

export function addressOf(node: Libp2p): string {
  const [address] = node.getMultiaddrs()
  if (address === undefined) throw new Error('the node does not listen')
  return address.toString()
}

/** Pattern bytes, so that lost, doubled or swapped pieces show. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = (7 * i + 3) % 251
  return bytes
}

export async function readToEnd(conn: Conn): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of conn) chunks.push(chunk)
  return Buffer.concat(chunks)
}

export function streamsOf(node: Libp2p, protocol: string): number {
  return node.getConnections().reduce((sum, c) => sum + c.streams.filter(s => s.protocol === protocol).length, 0)
}

/** Resolves once `condition` holds; fails with what it saw last. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeout = 10_000
): Promise<void> {
  const deadline = performance.now() + timeout
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${timeout} ms in vain until ${what}`)
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
