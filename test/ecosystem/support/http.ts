import { once } from 'node:events'
import http from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import type { Nets } from './nets.ts'

/** Node's agent with sockets of `net` to one port: what its docs tell to override. */
export class PeerAgent extends http.Agent {
  readonly #connect: () => Socket
  /** The sockets made so far. */
  readonly made: Socket[] = []

  constructor({ client }: Pick<Nets, 'client'>, port: number, options: http.AgentOptions = {}) {
    super(options)
    this.#connect = () => client.connect({ port })
  }

  override createConnection(): Duplex {
    const socket = this.#connect()
    this.made.push(socket)
    return socket
  }

  [Symbol.dispose](): void {
    this.destroy()
  }
}

export interface Answer {
  status: number | undefined
  headers: http.IncomingHttpHeaders
  trailers: NodeJS.Dict<string>
  body: Buffer
  reused: boolean
}

export interface Ask extends Omit<http.RequestOptions, 'agent'> {
  agent: http.Agent
  body?: Readable | Uint8Array | string
}

/** One request with its whole answer. */
export async function ask({ body, ...options }: Ask): Promise<Answer> {
  const request = http.request({ host: 'peer.test', ...options })
  const answered = once(request, 'response')
  if (typeof body === 'string' || body instanceof Uint8Array || body === undefined) request.end(body)
  else body.pipe(request)
  const [response]: http.IncomingMessage[] = await answered
  if (response === undefined) throw new Error('no response')
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return {
    status: response.statusCode,
    headers: response.headers,
    trailers: response.trailers,
    body: Buffer.concat(chunks),
    reused: request.reusedSocket
  }
}
