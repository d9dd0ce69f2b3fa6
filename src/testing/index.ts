export type { FaultOptions } from './fault-options.ts'
export type { FaultPeer, Faults, InjectedFault } from './faults.ts'
export { createNetwork, type Network, type NetworkHost, type NetworkOptions } from './network.ts'
export { type FaultyHost, withFaults, type WithFaultsOptions } from './with-faults.ts'
