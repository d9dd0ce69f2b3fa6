import type { Measured } from '../../callers.ts'
import { numberOf, type Reply, textOf } from '../../reply.ts'
import type { ForeignRow } from '../row.ts'
import { GoProcess } from './go-process.ts'

/** go-libp2p with TCP and yamux: frames pipelined on one stream, in Go at both ends. */
export const goLibp2p: ForeignRow = {
  async serve({ security = 'noise' }) {
    const { ready } = await GoProcess.start(['serve', security])
    return textOf(ready, 'endpoint')
  },

  async connectLoad(endpoint, { security = 'noise' }) {
    const { process } = await GoProcess.start(['load', endpoint, security])
    return async load => measuredOf(await process.ask({ ...load }))
  }
}

function measuredOf(reply: Reply): Measured {
  return {
    requests: numberOf(reply, 'requests'),
    seconds: numberOf(reply, 'seconds'),
    p50: numberOf(reply, 'p50'),
    p99: numberOf(reply, 'p99'),
    max: numberOf(reply, 'max')
  }
}
