/** What the two web streams of a Conn stand on. */
interface BytePipe {
  read(): Promise<Uint8Array | null>
  write(data: Uint8Array): Promise<void>
  closeWrite(): Promise<void>
  reset(reason?: Error): void
}

/** Pulls from `pipe`; nothing is read ahead. */
export function readableStream(pipe: BytePipe): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await pipe.read()
        if (chunk === null) controller.close()
        else controller.enqueue(chunk)
      },
      cancel(reason: unknown) {
        pipe.reset(asError(reason, 'the reader cancelled the stream'))
      }
    },
    { highWaterMark: 0 }
  )
}

export function writableStream(pipe: BytePipe): WritableStream<Uint8Array> {
  return new WritableStream<Uint8Array>({
    write: chunk => pipe.write(chunk),
    close: () => pipe.closeWrite(),
    abort: (reason: unknown) => pipe.reset(asError(reason, 'the writer aborted the stream'))
  })
}

function asError(reason: unknown, fallback: string): Error {
  return reason instanceof Error ? reason : new Error(typeof reason === 'string' ? reason : fallback)
}
