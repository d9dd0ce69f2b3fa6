import { once } from 'node:events'
import { createNet, type Socket } from 'pointsub/net'
import { addressOf, createNode } from '../../stack.ts'
import { encodeFrame, FrameReader } from '../frames.ts'
import { Pipeline } from '../pipeline.ts'
import { MAX_CONCURRENCY, type Row } from '../row.ts'

const PROTOCOL = '/bench/net-socket/1.0.0'

/** `pointsub/net`: a pool of 64 sockets, one request in flight on each. */
export const netSocket: Row = {
  async serve(stack) {
    const node = await createNode(stack, 'listener')
    const server = createNet(node).createServer(echoFrames).listen(PROTOCOL)
    await once(server, 'listening')
    return addressOf(node)
  },

  async connect(endpoint, stack) {
    const net = createNet(await createNode(stack, 'dialler'))
    const sockets = Array.from({ length: MAX_CONCURRENCY }, () => net.connect({ peer: endpoint, protocol: PROTOCOL }))
    await Promise.all(sockets.map(socket => once(socket, 'connect')))
    const free = sockets.map(pipelineOn)
    return async body => {
      const pipeline = free.pop()
      if (pipeline === undefined) throw new Error('more calls than sockets')
      const answer = await pipeline.call(body)
      free.push(pipeline)
      return answer
    }
  }
}

function echoFrames(socket: Socket): void {
  const frames = new FrameReader(body => void socket.write(encodeFrame(body)))
  socket.on('data', (chunk: Buffer) => frames.push(chunk))
}

function pipelineOn(socket: Socket): Pipeline {
  const pipeline = new Pipeline(frame => void socket.write(frame))
  socket.on('data', (chunk: Buffer) => pipeline.receive(chunk))
  socket.on('error', error => pipeline.fail(error))
  return pipeline
}
