export { createNet, type Net } from './create-net.ts'
export type { NetError, NetErrorDetails } from './node-errors.ts'
export type { PeerAddress } from './addresses.ts'
export type { ConnectionListener, DroppedConnection, NetServer, Server } from './server.ts'
export type { NetSocket } from './net-socket.ts'
export { Socket } from './socket.ts'
export type {
  ConnectOptions,
  ListenOptions,
  Lookup,
  NetConnectOptions,
  NetOptions,
  OnRead,
  ServerOptions,
  SocketOptions
} from './types.ts'
