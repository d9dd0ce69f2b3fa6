import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Dispatcher } from 'undici'
import type { Call } from '../row.ts'

/** Longer than the pauses between a row's turns, in ms: what was connected stays so. */
export const KEEP_ALIVE = 600_000

/** node:http's answer to a POST: its body. */
export function echo(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const [first] = chunks
    const body = first !== undefined && chunks.length === 1 ? first : Buffer.concat(chunks)
    response.writeHead(200, { 'content-length': body.byteLength })
    response.end(body)
  })
}

/** Calls as POSTs to {@link echo}. */
export function postTo(dispatcher: Dispatcher, origin: string): Call {
  return async body => {
    const answer = await dispatcher.request({ origin, path: '/', method: 'POST', body })
    if (answer.statusCode !== 200) throw new Error(`status ${answer.statusCode}`)
    return answer.body.bytes()
  }
}
