import type { MultiaddrConnection, Transport } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'
import type { Dialects } from './dialects.ts'
import { onUpgrade } from './on-upgrade.ts'
import { override } from './override.ts'

type TransportFactory = NonNullable<Libp2pOptions['transports']>[number]

/** A transport that dials once more, in the same time, whoever turned out to speak the other dialect. */
export function withSecondTry(create: TransportFactory, dialects: Dialects): TransportFactory {
  return components => {
    const transport = create(components)
    return override(transport, 'dial', () => async (address, options) => {
      const { upgrader } = options
      const dial = (see: (connection: MultiaddrConnection) => void): ReturnType<Transport['dial']> =>
        transport.dial(address, { ...options, upgrader: onUpgrade(upgrader, 'upgradeOutbound', see) })
      let tried: MultiaddrConnection | undefined
      try {
        return await dial(connection => (tried = connection))
      } catch (error) {
        const spoken = tried === undefined ? undefined : dialects.spokenOn(tried)
        if (spoken === undefined || options.signal.aborted) throw error
        return dial(connection => dialects.prefer(connection, spoken))
      }
    })
  }
}
