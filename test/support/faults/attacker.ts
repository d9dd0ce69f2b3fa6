import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { accept, attackerSocket } from './sockets.ts'

/** What an attacker does on one TCP connection, which it does not close by itself unless the script does. */
export type Script = (socket: Socket) => void | Promise<void>

/** A TCP client that follows a script; disposing it closes the connection. */
export class HostileDialler implements Disposable {
  readonly socket: Socket

  private constructor(port: number) {
    this.socket = attackerSocket(connect({ port, host: '127.0.0.1', allowHalfOpen: true }))
  }

  /** Resolves once the script is over, or cannot go on because the host has closed. */
  static async attack(port: number, script: Script): Promise<HostileDialler> {
    const dialler = new HostileDialler(port)
    const { socket } = dialler
    await once(socket, 'connect')
    await Promise.all([accept(socket), play(script, socket)])
    // What comes is read, so that the end is seen.
    socket.resume()
    return dialler
  }

  [Symbol.dispose](): void {
    this.socket.destroy()
  }
}

/** A TCP server that follows a script on every connection; disposing it closes them. */
export class HostileListener implements AsyncDisposable {
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer({ allowHalfOpen: true })

  private constructor(script: Script) {
    this.#server.on('connection', socket => {
      this.#sockets.add(attackerSocket(socket))
      void play(script, socket).then(() => socket.resume())
    })
  }

  static async listen(script: Script): Promise<HostileListener> {
    const listener = new HostileListener(script)
    await new Promise<void>(resolve => listener.#server.listen(0, '127.0.0.1', resolve))
    return listener
  }

  get address(): string {
    const bound = this.#server.address()
    if (bound === null || typeof bound === 'string') throw new Error('no port')
    return `/ip4/127.0.0.1/tcp/${bound.port}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise(resolve => this.#server.close(resolve))
  }
}

/** The host may close at any time: then what is left of the script is dropped. */
async function play(script: Script, socket: Socket): Promise<void> {
  try {
    await script(socket)
  } catch (error) {
    if (!isOver(socket)) throw error
  }
}

export function isOver(socket: Socket): boolean {
  return socket.destroyed || socket.readableEnded || socket.errored !== null
}
