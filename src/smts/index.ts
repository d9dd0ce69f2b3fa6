export { type Frame, encodeFrame, FLAGS, isReadableByGo } from './frame.ts'
export { FrameDecoder } from './frame-decoder.ts'
export {
  decodeMessage,
  decodeMessageHeader,
  encodeMessage,
  isExpired,
  MAX_BODY_SIZE,
  MESSAGE_FLAGS,
  MESSAGE_HEADER_BYTES,
  MESSAGE_TYPES,
  type Message,
  type MessageHeader,
  type MessageInit,
  PRIORITIES
} from './message.ts'
export type { Chunks } from './outgoing.ts'
export { type ReceiveStreamOptions, Transporter, type TransporterOptions } from './transporter.ts'
