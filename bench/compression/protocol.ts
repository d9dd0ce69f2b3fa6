export const PROTOCOL = '/bench/compression/1.0.0'

/** With `enableCompression` at both ends, and without. */
export const ROWS = ['compressed', 'as-it-is'] as const

export type RowName = (typeof ROWS)[number]
