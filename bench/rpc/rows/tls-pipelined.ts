import { once } from 'node:events'
import tls from 'node:tls'
import { createCertificate } from '../certificate.ts'
import { encodeFrame, FrameReader } from '../frames.ts'
import { Pipeline } from '../pipeline.ts'
import type { Row } from '../row.ts'

/** What Node can do at most: one TLS socket, frames one behind the other, all of a tick in one write. */
export const tlsPipelined: Row = {
  async serve() {
    const server = tls.createServer({ ...createCertificate(), noDelay: true }, socket => {
      const send = gathered(bytes => socket.write(bytes))
      const frames = new FrameReader(body => send(encodeFrame(body)))
      socket.on('data', chunk => frames.push(chunk))
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('the server has no port')
    return String(address.port)
  },

  async connect(endpoint) {
    // The certificate is made up, and both ends are this machine.
    const socket = tls.connect({ host: '127.0.0.1', port: Number(endpoint), rejectUnauthorized: false })
    await once(socket, 'secureConnect')
    socket.setNoDelay(true)
    const pipeline = new Pipeline(gathered(bytes => socket.write(bytes)))
    socket.on('data', chunk => pipeline.receive(chunk))
    socket.on('close', () => pipeline.fail(new Error('the TLS socket closed')))
    return body => pipeline.call(body)
  }
}

/** One TLS record: larger frames gain nothing from being copied together. */
const GATHER_BYTES = 16 * 1024

/** Frames of one tick in one write. */
function gathered(write: (bytes: Uint8Array) => void): (frame: Uint8Array) => void {
  let frames: Uint8Array[] = []
  const flush = (): void => {
    const batch = frames
    frames = []
    write(Buffer.concat(batch))
  }
  return frame => {
    if (frames.length === 0 && frame.byteLength > GATHER_BYTES) write(frame)
    else if (frames.push(frame) === 1) queueMicrotask(flush)
  }
}
