import type { ConnectionEncrypter, MessageStream, SecureConnectionOptions } from '@libp2p/interface'
import { tls } from '../../../src/host/index.ts'
import type { TlsComponents } from '../../../src/host/tls/tls.ts'

/** Our TLS on connections whose TCP socket it cannot find, as on those of any other transport. */
export function tlsOverStream(): (components: TlsComponents) => ConnectionEncrypter {
  const create = tls()
  return components => {
    const encrypter = create(components)
    return {
      protocol: encrypter.protocol,
      secureInbound: (connection: MessageStream, options?: SecureConnectionOptions) =>
        encrypter.secureInbound(hideSocket(connection), options),
      secureOutbound: (connection: MessageStream, options?: SecureConnectionOptions) =>
        encrypter.secureOutbound(hideSocket(connection), options)
    }
  }
}

function hideSocket(connection: MessageStream): MessageStream {
  return new Proxy(connection, {
    has: (target, name) => name !== 'socket' && Reflect.has(target, name),
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' && name !== 'log' ? value.bind(target) : value
    },
    set: (target, name, value) => Reflect.set(target, name, value, target)
  })
}
