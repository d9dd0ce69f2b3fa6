import { setTimeout as sleep } from 'node:timers/promises'
import type { ClientOptions, ErrorCode } from '../../../src/index.ts'
import { MIB } from '../../support/bytes.ts'
import { until } from '../../support/until.ts'
import type { FaultScene } from './fault-scene.ts'
import { PROTOCOL } from './fault-scene.ts'

/** One line of the fault table: what goes wrong, and what a call gets. */
export interface FaultRow {
  readonly what: string
  readonly code: ErrorCode
  readonly sent: boolean
  /** Whether another try is made: in any case, only for an idempotent request, or never. */
  readonly retried: 'always' | 'idempotent' | 'never'
  readonly options?: ClientOptions
  readonly protocol?: string
  readonly request?: Uint8Array
  /** Before the call. */
  readonly before: (scene: FaultScene) => Promise<void> | void
  /** While the call runs. */
  readonly during?: (scene: FaultScene, abort: () => void) => Promise<void>
}

const never = (): Promise<Uint8Array> => new Promise(() => {})
/** The first half of an answer of 100 bytes. */
const HALF = Uint8Array.of(0, 0, 0, 100, ...new Uint8Array(50))
const echo = (scene: FaultScene): Promise<void> => scene.serve(request => request)

/** Waits until the request has arrived. */
async function arrived(scene: FaultScene): Promise<void> {
  await until(
    'the request arrives',
    () => scene.seen,
    seen => seen > 0
  )
}

export const FAULT_ROWS: readonly FaultRow[] = [
  {
    what: 'the peer is down',
    code: 'ERR_DIAL_FAILED',
    sent: false,
    retried: 'always',
    before: async ({ far }) => far.stop()
  },
  {
    what: 'the peer cannot be reached in time',
    code: 'ERR_TIMEOUT',
    sent: false,
    retried: 'always',
    options: { connectTimeout: 50 },
    before: ({ network }) => network.faults.partition()
  },
  {
    what: 'the peer refuses every stream',
    code: 'ERR_STREAM_RESET',
    sent: false,
    retried: 'always',
    before: async scene => {
      await echo(scene)
      scene.network.faults.set({ errorRate: 1 })
    }
  },
  {
    what: 'the peer dies before the request was written',
    code: 'ERR_DIAL_FAILED',
    sent: false,
    retried: 'always',
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
    code: 'ERR_CONNECTION_LOST',
    sent: true,
    retried: 'idempotent',
    before: scene =>
      scene.serve(() => {
        scene.cut()
        return never()
      })
  },
  {
    what: 'the peer dies in the middle of the answer',
    code: 'ERR_CONNECTION_LOST',
    sent: true,
    retried: 'idempotent',
    before: scene =>
      scene.serveRaw(async conn => {
        await conn.write(HALF)
        await sleep(20)
        scene.cut()
      })
  },
  {
    what: 'the peer ends the stream in the middle of the answer',
    code: 'ERR_UNEXPECTED_EOF',
    sent: true,
    retried: 'idempotent',
    before: scene =>
      scene.serveRaw(async conn => {
        await conn.write(HALF)
        await conn.close()
      })
  },
  {
    what: 'the handler throws',
    code: 'ERR_NO_RESPONSE',
    sent: true,
    retried: 'idempotent',
    before: scene => scene.serve(() => Promise.reject(new Error('broken')))
  },
  {
    what: 'the handler never answers',
    code: 'ERR_TIMEOUT',
    sent: true,
    retried: 'idempotent',
    options: { readTimeout: 100 },
    before: scene => scene.serve(never)
  },
  {
    what: 'the whole call takes too long',
    code: 'ERR_TIMEOUT',
    sent: true,
    retried: 'never',
    options: { timeout: 100 },
    before: scene => scene.serve(never)
  },
  {
    what: 'the handler answers 33 MiB, which its server does not send',
    code: 'ERR_NO_RESPONSE',
    sent: true,
    retried: 'idempotent',
    before: scene => scene.serve(() => new Uint8Array(33 * MIB))
  },
  {
    what: 'the peer answers 33 MiB',
    code: 'ERR_MESSAGE_TOO_LARGE',
    sent: true,
    retried: 'never',
    before: scene => scene.serveRaw(async conn => conn.write(Uint8Array.of(2, 16, 0, 0)))
  },
  {
    what: 'the stream is reset',
    code: 'ERR_STREAM_RESET',
    sent: true,
    retried: 'idempotent',
    before: scene =>
      scene.serve(() => {
        scene.reset()
        return never()
      })
  },
  {
    what: 'the peer does not read the request',
    code: 'ERR_TIMEOUT',
    sent: true,
    retried: 'idempotent',
    options: { writeTimeout: 100 },
    request: new Uint8Array(8 * MIB),
    before: scene => scene.serveRaw(() => Promise.resolve())
  },
  {
    what: 'the peer does not speak the protocol',
    code: 'ERR_PROTOCOL_UNSUPPORTED',
    sent: false,
    retried: 'never',
    protocol: '/other/1.0.0',
    before: echo
  },
  {
    what: 'the request is larger than maxBlockSize',
    code: 'ERR_MESSAGE_TOO_LARGE',
    sent: false,
    retried: 'never',
    request: new Uint8Array(33 * MIB),
    before: echo
  },
  {
    what: 'the client is closed',
    code: 'ERR_CLIENT_CLOSED',
    sent: true,
    retried: 'never',
    before: scene => scene.serve(never),
    during: async scene => {
      await arrived(scene)
      await scene.client.close()
    }
  },
  {
    what: 'the server is stopped',
    code: 'ERR_STREAM_RESET',
    sent: true,
    retried: 'idempotent',
    before: scene => scene.serve(never),
    during: async scene => {
      await arrived(scene)
      await scene.server.stop({ grace: 0 })
    }
  },
  {
    what: 'it is aborted while the peer is dialled',
    code: 'ERR_ABORTED',
    sent: false,
    retried: 'never',
    before: ({ network }) => network.faults.partition(),
    during: async (_, abort) => {
      await sleep(20)
      abort()
    }
  },
  {
    what: 'it is aborted while its stream is opened',
    code: 'ERR_ABORTED',
    sent: false,
    retried: 'never',
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
    what: 'it is aborted while it waits for a stream',
    code: 'ERR_ABORTED',
    sent: false,
    retried: 'never',
    options: { maxStreamsPerPeer: 1 },
    before: async scene => {
      await scene.serve(never)
      scene.client.send(scene.far.peerId, PROTOCOL, HALF).catch(() => {})
      await arrived(scene)
    },
    during: async (_, abort) => {
      await sleep(20)
      abort()
    }
  },
  {
    what: 'it is aborted while the handler runs',
    code: 'ERR_ABORTED',
    sent: true,
    retried: 'never',
    before: scene => scene.serve(never),
    during: async (scene, abort) => {
      await arrived(scene)
      abort()
    }
  }
]
