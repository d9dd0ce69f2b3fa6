import { connect } from 'node:net'
import { pipeline } from 'node:stream'
import type { Nets } from './nets.ts'
import { type Serving, serve } from './serving.ts'

/** Everything that comes in on a free port of `server` goes to a local TCP port, and back. */
export function tunnelTo(nets: Pick<Nets, 'server'>, port: number): Promise<Serving> {
  const options = { allowHalfOpen: true, noDelay: true }
  return serve(
    nets,
    socket => {
      const local = connect({ ...options, port, host: '127.0.0.1' })
      // An error of either side destroys the other, and is told there.
      pipeline(socket, local, () => {})
      pipeline(local, socket, () => {})
    },
    options
  )
}
