/** The command was called wrongly: exit code 2 and a hint at `--help`. */
export class UsageError extends Error {}
