export { type CloseOptions, Conn } from './conn/conn.ts'
export { dial } from './conn/dial.ts'
export {
  type HandleOptions,
  Listener,
  type ListenOptions,
  listen
} from './conn/listen.ts'
export type { CancelOptions } from './core/cancellation.ts'
export {
  type ApplicationErrorCode,
  type ErrorCode,
  type ErrorDetails,
  PointSubError
} from './core/errors.ts'
export type { Host } from './core/host.ts'
export type { PeerLike } from './core/peers.ts'
export type { Wire } from './core/wire.ts'
export { Client, type ClientOptions } from './rpc/client.ts'
export {
  Server,
  type ServerEvents,
  type ServerFailure,
  type ServerOptions,
  type StopOptions
} from './rpc/server.ts'
export type { ClosestAnswer, SendClosestOptions } from './rpc/send-closest.ts'
export type { AcceptedConns } from './rpc/accepted-conns.ts'
export { PointSub, type PointSubOptions } from './rpc/pointsub.ts'
export type {
  ClientMetrics,
  ConnectionInfo,
  Handler,
  Metadata,
  RequestContext,
  SendOptions,
  ServerMetrics
} from './rpc/types.ts'
