// The part of these packages that is used here: they bring no types.

declare module 'hyperdht' {
  interface Node {
    readonly bootstrapped: boolean
  }
  interface Options {
    bootstrap: readonly { host: string; port: number }[]
    host: string
    ephemeral?: boolean
    firewalled?: boolean
  }
  const DHT: new (options: Options) => Node
  export { DHT as default, type Node }
}

declare module 'hyperdht/testnet.js' {
  const createTestnet: (
    size: number,
    options: { host: string }
  ) => Promise<{ bootstrap: { host: string; port: number }[] }>
  export { createTestnet as default }
}

declare module '@hyperswarm/rpc' {
  import type { Node } from 'hyperdht'

  interface Server {
    readonly publicKey: Buffer
    listen(): Promise<void>
    respond(method: string, handler: (request: Uint8Array) => Uint8Array): void
  }
  interface Client {
    request(method: string, body: Uint8Array): Promise<Uint8Array>
  }
  const RPC: new (options: {
    dht: Node
  }) => {
    createServer(): Server
    connect(publicKey: Uint8Array): Client
  }
  export { RPC as default }
}
