import type { ClientStream } from './client-stream.ts'

/** A place for one stream; whoever has borrowed it opens a stream in it if there is none. */
export interface Slot {
  stream: ClientStream | undefined
  /** Whether the peer has ended the stream before its first answer. */
  refused: boolean
  /** Resolves when what was begun to open a stream is over, also when nobody waits for it any more. */
  opening: Promise<unknown> | undefined
  /** When the stream may carry its next request, on performance.now()'s clock. */
  restsUntil: number
  /** Ends the rest of whoever waits for that. */
  wake: (() => void) | undefined
}

export function emptySlot(): Slot {
  return { stream: undefined, refused: false, opening: undefined, restsUntil: 0, wake: undefined }
}
