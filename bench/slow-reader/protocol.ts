export const PROTOCOL = '/bench/slow-reader/1.0.0'
