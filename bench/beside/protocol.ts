export const PROTOCOL = '/bench/bulk-beside/1.0.0'

/** The largest body of a Client and Server with default options. */
export const BODY_BYTES: number = 32 * 1024 * 1024

/** A request that begins with this byte is answered by its length, 4 bytes. */
export const UPLOAD = 0xfe
/** A request of this byte is answered by {@link BODY_BYTES}. Any other request is answered by itself. */
export const DOWNLOAD = 0xff
