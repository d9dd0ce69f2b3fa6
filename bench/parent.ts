import { isReply, type Reply } from './reply.ts'

/** Answers the parent's questions, one after the other, until the parent is gone; then this process ends. */
export function answerParent(ready: Reply, answer: (question: Reply) => Promise<Reply>): void {
  process.on('message', message => void reply(message, answer))
  process.send?.(ready)
}

/** Runs in every child before anything else, so that none outlives the parent. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit())
}

async function reply(message: unknown, answer: (question: Reply) => Promise<Reply>): Promise<void> {
  try {
    if (!isReply(message)) throw new TypeError('the parent sent something else than a question')
    process.send?.(await answer(message))
  } catch (error) {
    process.send?.({ error: String(error) })
  }
}
