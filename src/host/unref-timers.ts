import type { Libp2p } from '@libp2p/interface'
import { unref } from '../core/timers.ts'
import { debounce } from './debounce.ts'

/** Milliseconds libp2p waits for more changes of its addresses before it notes them. */
const ADDRESS_DEBOUNCE = 1_000

/**
 * Lets the process end although libp2p's own timers run: the heartbeat of its connection monitor, and its second of
 * waiting after a change of addresses. Neither can be reached by an option, so what looks other than expected is left
 * as it is. To be called before the node starts.
 */
export function unrefTimers(node: Libp2p): void {
  const components = objectAt(objectAt(node, 'components'), 'components')
  const monitor = objectAt(components, 'connectionMonitor')
  if (monitor !== undefined) unrefHeartbeat(monitor)
  const addresses = objectAt(components, 'addressManager')
  if (addresses !== undefined) unrefAddressChanges(addresses)
}

function unrefHeartbeat(monitor: object): void {
  const start: unknown = Reflect.get(monitor, 'start')
  if (typeof start !== 'function') return
  const startUnref = (): void => {
    Reflect.apply(start, monitor, [])
    unref(Reflect.get(monitor, 'heartbeatInterval'))
  }
  Reflect.set(monitor, 'start', startUnref)
}

/** The class has the method that notes the addresses; each instance puts one in front that waits. */
function unrefAddressChanges(addresses: object): void {
  const name = '_updatePeerStoreAddresses'
  const note: unknown = Reflect.get(Reflect.getPrototypeOf(addresses) ?? {}, name)
  if (typeof note !== 'function' || !Object.hasOwn(addresses, name)) return
  Reflect.set(
    addresses,
    name,
    debounce(ADDRESS_DEBOUNCE, () => void Reflect.apply(note, addresses, []))
  )
}

function objectAt(holder: object | undefined, name: string): object | undefined {
  const value: unknown = holder === undefined ? undefined : Reflect.get(holder, name)
  return typeof value === 'object' && value !== null ? value : undefined
}
