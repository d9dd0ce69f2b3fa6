import type { ServerMetrics, ServerOptions } from '../../src/index.ts'

/** What a child process is asked to be; passed as JSON in its first argument. */
export type Role =
  | { kind: 'server'; port?: number | undefined; identity?: string | undefined }
  | { kind: 'many-servers'; count: number }
  | { kind: 'measured-server'; options: ServerOptions }
  | { kind: 'socket-server' }
  | { kind: 'caller'; address: string; protocol: string; calls: number; bytes?: number }
  | { kind: 'slow-reader'; bytesPerSecond: number }
  | { kind: 'writer'; address: string; bytes: number }

/** What a child process tells, as IPC messages. */
export type Report =
  | { kind: 'ready'; address: string }
  | { kind: 'entered'; count: number }
  | { kind: 'transferred'; bytes: number; sha256: string; rssGrowth: number; milliseconds: number }
  | { kind: 'usage'; usage: ServerUsage }
  | { kind: 'failed'; error: string }

/** What a measured server has used so far; bytes are those of its whole process. */
export interface ServerUsage {
  rss: number
  mostRss: number
  /** Streams open on its host, at the most. */
  mostStreams: number
  /** How far they ever were above what the server takes on. */
  mostAbove: number
  openStreams: number
  metrics: ServerMetrics
  /** `failure` events by code. */
  failures: Record<string, number>
}

export const ECHO = '/child/echo'
/** Answers how many requests the server has handled, this one included. */
export const COUNT = '/child/count'
export const HANG = '/child/hang'
export const SINK = '/child/sink'
/** Protocols of the socket server: one that reads all, one that writes for ever, one that never reads. */
export const SOCKET_SINK = '/child/socket-sink'
export const SOCKET_SOURCE = '/child/socket-source'
export const SOCKET_IDLE = '/child/socket-idle'
