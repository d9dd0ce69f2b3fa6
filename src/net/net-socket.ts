import type { Socket as NodeSocket } from 'node:net'
import type { Socket } from './socket.ts'

/** A {@link Socket} as its users see it: also a `net.Socket` wherever one is asked for. */
export type NetSocket = NodeSocket & Socket
