import type { ForeignRow, Row, RowName } from './row.ts'

/** Each is loaded by its own processes alone: what one brings along is not in the others' memory. */
const ROWS: Readonly<Record<RowName, () => Promise<Row | ForeignRow>>> = {
  'tls-pipelined': async () => (await import('./rows/tls-pipelined.ts')).tlsPipelined,
  'raw-one-stream': async () => (await import('./rows/raw-one-stream.ts')).rawOneStream,
  'raw-pool-64': async () => (await import('./rows/raw-pool-64.ts')).rawPool64,
  'stock-pool-64': async () => (await import('./rows/stock-pool-64.ts')).stockPool64,
  'raw-new-stream': async () => (await import('./rows/raw-new-stream.ts')).rawNewStream,
  'net-socket': async () => (await import('./rows/net-socket.ts')).netSocket,
  'client-send': async () => (await import('./rows/client-send.ts')).clientSend,
  'client-plain': async () => (await import('./rows/client-send.ts')).clientPlain,
  'client-mux': async () => (await import('./rows/client-send.ts')).clientMux,
  'grpc-js': async () => (await import('./peers/grpc-js.ts')).grpcJs,
  undici: async () => (await import('./peers/undici.ts')).undici,
  'libp2p-http': async () => (await import('./peers/libp2p-http.ts')).libp2pHttp,
  'hyperswarm-rpc': async () => (await import('./peers/hyperswarm-rpc.ts')).hyperswarmRpc,
  'go-libp2p': async () => (await import('./peers/go-libp2p.ts')).goLibp2p
}

const isRowName = (name: string): name is RowName => Object.hasOwn(ROWS, name)

export function findRow(name = ''): Promise<Row | ForeignRow> {
  if (!isRowName(name)) throw new Error(`unknown row "${name}"`)
  return ROWS[name]()
}
