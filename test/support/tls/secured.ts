import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { override } from '../../../src/host/override.ts'
import { addressOf, type TestHost } from '../hosts.ts'
import { until } from '../until.ts'
import { ENCRYPTERS, type EncrypterFactory, tlsNode, type Ways } from './nodes.ts'

/** What two encrypters have made of a connection, with nothing above it. */
export class SecuredPair implements AsyncDisposable {
  readonly #nodes: TestHost[]
  readonly dialled: MessageStream
  readonly accepted: MessageStream

  private constructor(nodes: TestHost[], dialled: MessageStream, accepted: MessageStream) {
    this.#nodes = nodes
    this.dialled = dialled
    this.accepted = accepted
  }

  static async create({ dialler, listener }: Ways): Promise<SecuredPair> {
    const made: MessageStream[] = []
    const from = await tlsNode(noting(ENCRYPTERS[dialler], made), { muxes: false })
    const accepting: MessageStream[] = []
    const to = await tlsNode(noting(ENCRYPTERS[listener], accepting), { muxes: false })
    await from.dial(addressOf(to))
    await until(
      'both sides have secured the connection',
      () => [made.length, accepting.length, to.getConnections().length],
      counts => counts.every(count => count === 1)
    )
    const [dialled, accepted] = [...made, ...accepting]
    if (dialled === undefined || accepted === undefined) throw new Error('no connection')
    return new SecuredPair([from, to], dialled, accepted)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#nodes.map(async node => node.stop()))
  }
}

function noting(create: EncrypterFactory, made: MessageStream[]): EncrypterFactory {
  return components => {
    const encrypter = create(components)
    const note =
      (secure: ConnectionEncrypter['secureInbound']): ConnectionEncrypter['secureInbound'] =>
      async (connection, options) => {
        const secured = await secure.call(encrypter, connection, options)
        made.push(secured.connection)
        return secured
      }
    return override(override(encrypter, 'secureInbound', note), 'secureOutbound', note)
  }
}

/** Counts the bytes that come on a connection. */
export function countBytes(connection: MessageStream): { length: number } {
  const count = { length: 0 }
  connection.addEventListener('message', ({ data }) => {
    count.length += data.byteLength
  })
  return count
}
