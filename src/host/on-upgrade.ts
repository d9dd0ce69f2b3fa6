import type { MultiaddrConnection, Upgrader } from '@libp2p/interface'
import { override } from './override.ts'

/** `upgrader` that shows every connection of one direction to `see` before it upgrades it. */
export function onUpgrade(
  upgrader: Upgrader,
  direction: 'upgradeInbound' | 'upgradeOutbound',
  see: (connection: MultiaddrConnection) => void
): Upgrader {
  return override(
    upgrader,
    direction,
    upgrade =>
      new Proxy(upgrade, {
        apply(_, __, args: Parameters<typeof upgrade>) {
          see(args[0])
          return Reflect.apply(upgrade, upgrader, args)
        }
      })
  )
}
