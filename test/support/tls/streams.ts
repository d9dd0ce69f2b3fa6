import { createHash } from 'node:crypto'
import type { Connection, Stream } from '@libp2p/interface'
import { once } from 'node:events'
import type { TestHost } from '../hosts.ts'
import { handleRaw } from '../raw.ts'
import { turn, until } from '../until.ts'

const PROTOCOL = '/test/tls/1.0.0'

/** What has come on a stream. */
export class Received {
  readonly stream: Stream
  readonly #hash = createHash('sha256')
  length = 0
  finished = false

  constructor(stream: Stream) {
    this.stream = stream
    stream.addEventListener('message', ({ data }) => {
      for (const chunk of data instanceof Uint8Array ? [data] : data) this.#hash.update(chunk)
      this.length += data.byteLength
    })
    stream.addEventListener('remoteCloseWrite', () => {
      this.finished = true
    })
  }

  /** Waits for the other side's FIN. */
  async all(): Promise<{ length: number; digest: string }> {
    await until(
      'the other side ends the stream',
      () => ({ length: this.length, status: this.stream.status, finished: this.finished }),
      ({ finished }) => finished,
      { within: 20_000 }
    )
    return { length: this.length, digest: this.#hash.digest('hex') }
  }
}

/** A digest as `Received` makes it. */
export function digestOf(...chunks: Uint8Array[]): { length: number; digest: string } {
  const hash = createHash('sha256')
  for (const chunk of chunks) hash.update(chunk)
  return { length: chunks.reduce((sum, { byteLength }) => sum + byteLength, 0), digest: hash.digest('hex') }
}

/** Sends, waiting for room. */
export async function sendAll(stream: Stream, chunks: Iterable<Uint8Array>): Promise<void> {
  for (const chunk of chunks) {
    if (!stream.send(chunk)) await drained(stream)
  }
}

async function drained(stream: Stream): Promise<void> {
  const ended = new AbortController()
  const onClose = (): void => ended.abort()
  stream.addEventListener('close', onClose)
  try {
    await once(stream, 'drain', { signal: ended.signal })
  } finally {
    stream.removeEventListener('close', onClose)
  }
}

/** Sends without end, until the stream will have no more. */
export async function sendForever(stream: Stream, chunk: Uint8Array): Promise<void> {
  try {
    for (;;) {
      await sendAll(stream, [chunk])
      await turn()
    }
  } catch {
    // The stream has ended, which is what this waits for.
  }
}

/** Streams that `host` is given, each as soon as it is there. */
export async function acceptAll(
  host: TestHost,
  onStream: (received: Received, connection: Connection) => void | Promise<void> = () => {}
): Promise<Received[]> {
  const streams: Received[] = []
  await handleRaw(host, PROTOCOL, (stream, connection) => {
    const received = new Received(stream)
    streams.push(received)
    return onStream(received, connection)
  })
  return streams
}

export async function open(connection: Connection): Promise<Received> {
  return new Received(await connection.newStream(PROTOCOL, { maxOutboundStreams: 10_000 }))
}

/** A stream over `connection`, and its other end among those that `accepted` gets. */
export async function openBoth(
  connection: Connection,
  accepted: readonly Received[]
): Promise<{ near: Received; far: Received }> {
  const count = accepted.length
  const near = await open(connection)
  await until(
    'the stream is accepted',
    () => accepted.length,
    length => length > count
  )
  const far = accepted[count]
  if (far === undefined) throw new Error('no stream')
  return { near, far }
}

/** Serves no such streams any more. */
export async function acceptNone(host: TestHost): Promise<void> {
  await host.unhandle(PROTOCOL)
}
