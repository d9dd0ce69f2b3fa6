/** What a held process is told to do, as IPC messages; it answers each with an Answer. */
export type Command =
  | {
      do:
        | 'unref'
        | 'unref-twice-and-ref'
        | 'hold-twice-and-unref'
        | 'release-one-twice'
        | 'release-the-other'
        | 'stop'
        | 'restart'
        | 'serve'
        | 'stop-serving'
        | 'look'
    }
  | { do: 'dial' | 'call' | 'begin-call'; address: string }

export interface Answer {
  /** The addresses of the host. */
  addresses: string[]
  /** What keeps the process up, after `look`: each as in `process.getActiveResourcesInfo()`. */
  holding?: string[] | undefined
  failure?: string | undefined
}

export const ECHO = '/held/echo/1.0.0'
/** How a call that was only begun ended, told without having been asked. */
export const ANSWERED = 'answered'
