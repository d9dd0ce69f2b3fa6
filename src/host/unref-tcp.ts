import { Server, Socket } from 'node:net'
import type { Listener, Transport, Upgrader } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { onUpgrade } from './on-upgrade.ts'
import { override } from './override.ts'

type TcpFactory = ReturnType<typeof tcp>

/** libp2p's TCP, none of whose sockets and listening servers keeps the process up. */
export function unrefTcp(): TcpFactory {
  const create = tcp()
  return components => {
    const transport = create(components)
    return override(override(transport, 'dial', unrefDialled), 'createListener', unrefAccepted)

    function unrefDialled(): Transport['dial'] {
      return (address, options) =>
        transport.dial(address, { ...options, upgrader: unrefUpgraded(options.upgrader, 'upgradeOutbound') })
    }

    function unrefAccepted(): Transport['createListener'] {
      return options =>
        unrefListener(
          transport.createListener({ ...options, upgrader: unrefUpgraded(options.upgrader, 'upgradeInbound') })
        )
    }
  }
}

/** A server that is unref'd before it listens stays so, also when libp2p lets it pause and listen again. */
function unrefListener(listener: Listener): Listener {
  if ('server' in listener && listener.server instanceof Server) listener.server.unref()
  return listener
}

/** Every socket passes the upgrader, one that was dialled as soon as it is connected (until then Node holds anyway). */
function unrefUpgraded(upgrader: Upgrader, direction: 'upgradeInbound' | 'upgradeOutbound'): Upgrader {
  return onUpgrade(upgrader, direction, connection => {
    if ('socket' in connection && connection.socket instanceof Socket) connection.socket.unref()
  })
}
