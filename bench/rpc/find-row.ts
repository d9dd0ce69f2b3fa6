import type { Row, RowName } from './row.ts'
import { clientSend } from './rows/client-send.ts'
import { netSocket } from './rows/net-socket.ts'
import { rawNewStream } from './rows/raw-new-stream.ts'
import { rawOneStream } from './rows/raw-one-stream.ts'
import { rawPool64 } from './rows/raw-pool-64.ts'
import { stockPool64 } from './rows/stock-pool-64.ts'
import { tlsPipelined } from './rows/tls-pipelined.ts'

const ROWS: Readonly<Record<RowName, Row>> = {
  'tls-pipelined': tlsPipelined,
  'raw-one-stream': rawOneStream,
  'raw-pool-64': rawPool64,
  'stock-pool-64': stockPool64,
  'raw-new-stream': rawNewStream,
  'net-socket': netSocket,
  'client-send': clientSend
}

const isRowName = (name: string): name is RowName => Object.hasOwn(ROWS, name)

export function findRow(name = ''): Row {
  if (!isRowName(name)) throw new Error(`unknown row "${name}"`)
  return ROWS[name]
}
