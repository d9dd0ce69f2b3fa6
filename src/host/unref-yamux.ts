import { yamux } from '@libp2p/yamux'
import { unref } from '../core/timers.ts'
import { override } from './override.ts'

type YamuxFactory = ReturnType<typeof yamux>
type YamuxMuxer = ReturnType<ReturnType<YamuxFactory>['createStreamMuxer']>
type Connection = Parameters<ReturnType<YamuxFactory>['createStreamMuxer']>[0]

/** Milliseconds between two pings, yamux's own default. */
const KEEP_ALIVE = 30_000

/** yamux whose keep-alive goes on as its own does, but does not keep the process up. */
export function unrefYamux(options: Parameters<typeof yamux>[0]): YamuxFactory {
  const create = yamux({ ...options, enableKeepAlive: false })
  return () => {
    const factory = create()
    return override(factory, 'createStreamMuxer', () => connection => {
      const muxer = factory.createStreamMuxer(connection)
      keepAlive(muxer, connection)
      return muxer
    })
  }
}

/** A ping at once, which measures the round trip time, and one after each answer. */
function keepAlive(muxer: YamuxMuxer, connection: Connection): void {
  const ended = new AbortController()
  let timer: ReturnType<typeof setTimeout> | undefined
  const ping = async (): Promise<void> => {
    if (muxer.status !== 'open') return
    // A ping fails when the peer has gone or is about to, which the muxer itself acts on.
    await muxer.ping({ signal: ended.signal }).catch(() => {})
    if (ended.signal.aborted) return
    timer = setTimeout(() => void ping(), KEEP_ALIVE)
    unref(timer)
  }
  const end = (): void => {
    clearTimeout(timer)
    ended.abort()
  }
  connection.addEventListener('close', end, { once: true })
  queueMicrotask(() => void ping())
}
