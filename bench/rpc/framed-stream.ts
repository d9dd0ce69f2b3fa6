import type { Stream } from '@libp2p/interface'
import { encodeFrame, FrameReader } from './frames.ts'
import { bytesOf } from './message-bytes.ts'
import { Pipeline } from './pipeline.ts'

/** Echoes the frames of a libp2p stream, in order, a `send()` each. */
export function echoFrames(stream: Stream): void {
  const frames = new FrameReader(body => void stream.send(encodeFrame(body)))
  stream.addEventListener('message', ({ data }) => frames.push(bytesOf(data)))
}

/** Requests on a libp2p stream, a `send()` each. */
export function pipelineOn(stream: Stream): Pipeline {
  const pipeline = new Pipeline(frame => void stream.send(frame))
  stream.addEventListener('message', ({ data }) => pipeline.receive(bytesOf(data)))
  stream.addEventListener('close', ({ error }) => pipeline.fail(error ?? new Error('the stream closed')))
  return pipeline
}
