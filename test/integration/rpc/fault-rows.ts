import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientOptions, ServerOptions } from '../../../src/index.ts'
import { MIB, randomBody } from '../../support/bytes.ts'
import { PROTOCOL } from '../../support/rpc.ts'
import { until } from '../../support/until.ts'
import type { FaultScene } from './fault-scene.ts'

/** Whether another try is made: in any case, only for an idempotent request, or never. */
type Retried = 'always' | 'idempotent' | 'never'

/** What a call gets; the last one is whether it was the peer that said so. */
export type Outcome = readonly [code: string, sent: boolean, retried: Retried, who?: 'remote']

/** One line of the fault table: what goes wrong, and what a call gets. */
export interface FaultRow {
  readonly what: string
  /** On each wire that has it. */
  readonly plain?: Outcome
  readonly mux?: Outcome
  /** What a try gets after the first one, when that is something else. */
  readonly later?: string
  readonly options?: ClientOptions
  readonly server?: ServerOptions
  readonly protocol?: string
  readonly request?: Uint8Array
  /** Before the call. */
  readonly before: (scene: FaultScene) => Promise<void> | void
  /** While the call runs. */
  readonly during?: (scene: FaultScene, abort: () => void) => Promise<void>
}

export const never = (): Promise<Uint8Array> => new Promise(() => {})
const echo = (scene: FaultScene): Promise<void> => scene.serve(request => request)

/** Waits until the request has arrived. */
export async function arrived(scene: FaultScene): Promise<void> {
  await until(
    'the request arrives',
    () => scene.seen,
    seen => seen > 0
  )
}

export const FAULT_ROWS: readonly FaultRow[] = [
  {
    what: 'the peer is down',
    plain: ['ERR_DIAL_FAILED', false, 'always'],
    mux: ['ERR_DIAL_FAILED', false, 'always'],
    before: async ({ far }) => far.stop()
  },
  {
    what: 'the peer cannot be reached in time',
    plain: ['ERR_TIMEOUT', false, 'always'],
    mux: ['ERR_TIMEOUT', false, 'always'],
    options: { connectTimeout: 50 },
    before: ({ network }) => network.faults.partition()
  },
  {
    what: 'the peer refuses every stream',
    plain: ['ERR_STREAM_RESET', false, 'always'],
    mux: ['ERR_STREAM_RESET', false, 'always'],
    before: async scene => {
      await echo(scene)
      scene.network.faults.set({ errorRate: 1 })
    }
  },
  {
    what: 'the peer dies before the request was written',
    plain: ['ERR_DIAL_FAILED', false, 'always'],
    mux: ['ERR_DIAL_FAILED', false, 'always'],
    before: async scene => {
      await echo(scene)
      await scene.near.dial(scene.far.peerId)
      scene.network.faults.set({ latency: 200 })
    },
    during: async scene => {
      await sleep(50)
      scene.cut()
      await scene.far.stop()
    }
  },
  {
    what: 'the peer dies after the request was written',
    plain: ['ERR_CONNECTION_LOST', true, 'idempotent'],
    mux: ['ERR_CONNECTION_LOST', true, 'idempotent'],
    before: scene =>
      scene.serve(() => {
        scene.cut()
        return never()
      })
  },
  {
    what: 'the peer dies in the middle of the answer',
    plain: ['ERR_CONNECTION_LOST', true, 'idempotent'],
    mux: ['ERR_CONNECTION_LOST', true, 'idempotent'],
    before: scene =>
      scene.serveRaw(async answer => {
        answer.half()
        await sleep(20)
        scene.cut()
      })
  },
  {
    what: 'the peer ends the stream in the middle of the answer',
    plain: ['ERR_UNEXPECTED_EOF', true, 'idempotent'],
    mux: ['ERR_UNEXPECTED_EOF', true, 'idempotent'],
    before: scene =>
      scene.serveRaw(answer => {
        answer.half()
        answer.end()
      })
  },
  {
    what: 'the handler throws',
    plain: ['ERR_NO_RESPONSE', true, 'idempotent'],
    mux: ['ERR_REMOTE', true, 'never', 'remote'],
    before: scene => scene.serve(() => Promise.reject(new Error('broken')))
  },
  {
    what: 'the handler never answers',
    plain: ['ERR_TIMEOUT', true, 'idempotent'],
    mux: ['ERR_TIMEOUT', true, 'idempotent'],
    options: { readTimeout: 100 },
    before: scene => scene.serve(never)
  },
  {
    what: 'the whole call takes too long',
    plain: ['ERR_TIMEOUT', true, 'never'],
    mux: ['ERR_TIMEOUT', true, 'never'],
    options: { timeout: 100 },
    before: scene => scene.serve(never)
  },
  {
    what: 'the handler answers 33 MiB, which its server does not send',
    plain: ['ERR_NO_RESPONSE', true, 'idempotent'],
    mux: ['ERR_MESSAGE_TOO_LARGE', true, 'never', 'remote'],
    before: scene => scene.serve(() => new Uint8Array(33 * MIB))
  },
  {
    what: 'the peer answers 33 MiB',
    plain: ['ERR_MESSAGE_TOO_LARGE', true, 'never'],
    mux: ['ERR_MESSAGE_TOO_LARGE', true, 'never'],
    before: scene => scene.serveRaw(answer => answer.huge())
  },
  {
    what: 'the stream is reset',
    plain: ['ERR_STREAM_RESET', true, 'idempotent'],
    mux: ['ERR_STREAM_RESET', true, 'idempotent'],
    before: scene =>
      scene.serve(() => {
        scene.reset()
        return never()
      })
  },
  {
    what: 'the peer does not read the request',
    plain: ['ERR_TIMEOUT', true, 'idempotent'],
    mux: ['ERR_TIMEOUT', true, 'idempotent'],
    options: { writeTimeout: 100 },
    request: randomBody(8 * MIB),
    before: scene => scene.serveRaw(() => {})
  },
  {
    what: 'the peer does not speak the protocol',
    plain: ['ERR_PROTOCOL_UNSUPPORTED', false, 'never'],
    mux: ['ERR_PROTOCOL_UNSUPPORTED', false, 'never'],
    protocol: '/other/1.0.0',
    before: echo
  },
  {
    what: 'the request is larger than maxBlockSize',
    plain: ['ERR_MESSAGE_TOO_LARGE', false, 'never'],
    mux: ['ERR_MESSAGE_TOO_LARGE', false, 'never'],
    request: new Uint8Array(33 * MIB),
    before: echo
  },
  {
    what: 'the client is closed',
    plain: ['ERR_CLIENT_CLOSED', true, 'never'],
    mux: ['ERR_CLIENT_CLOSED', true, 'never'],
    before: scene => scene.serve(never),
    during: async scene => {
      await arrived(scene)
      await scene.client.close()
    }
  },
  {
    what: 'the server is stopped',
    plain: ['ERR_STREAM_RESET', true, 'idempotent'],
    mux: ['ERR_SERVER_CLOSED', true, 'idempotent', 'remote'],
    later: 'ERR_PROTOCOL_UNSUPPORTED',
    before: scene => scene.serve(never),
    during: async scene => {
      await arrived(scene)
      await scene.server.stop({ grace: 0 })
    }
  },
  {
    what: 'it is aborted while the peer is dialled',
    plain: ['ERR_ABORTED', false, 'never'],
    mux: ['ERR_ABORTED', false, 'never'],
    before: ({ network }) => network.faults.partition(),
    during: async (_, abort) => {
      await sleep(20)
      abort()
    }
  },
  {
    what: 'it is aborted while its stream is opened',
    plain: ['ERR_ABORTED', false, 'never'],
    mux: ['ERR_ABORTED', false, 'never'],
    before: async scene => {
      await echo(scene)
      await scene.near.dial(scene.far.peerId)
      scene.network.faults.set({ latency: 200 })
    },
    during: async (_, abort) => {
      await sleep(50)
      abort()
    }
  },
  {
    what: 'it is aborted while it waits for its turn',
    plain: ['ERR_ABORTED', false, 'never'],
    mux: ['ERR_ABORTED', false, 'never'],
    options: { maxStreamsPerPeer: 1 },
    server: { maxConcurrentRequestsPerConn: 1 },
    before: async scene => {
      await scene.serve(never)
      await scene.greet()
      scene.client.send(scene.far.peerId, PROTOCOL, Uint8Array.of(1)).catch(() => {})
      await arrived(scene)
    },
    during: async (_, abort) => {
      await sleep(20)
      abort()
    }
  },
  {
    what: 'it is aborted while the handler runs',
    plain: ['ERR_ABORTED', true, 'never'],
    mux: ['ERR_ABORTED', true, 'never'],
    before: scene => scene.serve(never),
    during: async (scene, abort) => {
      await arrived(scene)
      abort()
    }
  }
]
