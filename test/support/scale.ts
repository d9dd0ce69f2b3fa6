/** The full-size runs take `SOAK` as a factor: 0.1 does a tenth of each. */
const FACTOR = Number(process.env['SOAK'] ?? 1)

export function soak(count: number): number {
  return Math.max(1, Math.round(count * FACTOR))
}

/** How far apart the cases are that run, of those of which the full-size runs do every one. */
export function stride(): number {
  return Math.max(1, Math.round(1 / FACTOR))
}
