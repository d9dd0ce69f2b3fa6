import type { StackOptions } from '../../stack.ts'
import type { Row } from '../row.ts'
import { rawPool64 } from './raw-pool-64.ts'

const STOCK: StackOptions = { stack: 'stock', security: undefined }

/** The same pool on js-libp2p as its own guides make it, whatever the other rows run on. */
export const stockPool64: Row = {
  serve: () => rawPool64.serve(STOCK),
  connect: endpoint => rawPool64.connect(endpoint, STOCK)
}
