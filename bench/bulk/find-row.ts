import type { BulkRow, BulkRowName } from './row.ts'
import { netSocket } from './rows/net-socket.ts'
import { rawStream } from './rows/raw-stream.ts'
import { tls } from './rows/tls.ts'

const ROWS: Readonly<Record<BulkRowName, BulkRow>> = { tls, 'raw-stream': rawStream, 'net-socket': netSocket }

const isRowName = (name: string): name is BulkRowName => Object.hasOwn(ROWS, name)

export function findRow(name = ''): BulkRow {
  if (!isRowName(name)) throw new Error(`unknown row "${name}"`)
  return ROWS[name]
}
