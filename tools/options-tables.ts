import { readFile, writeFile } from 'node:fs/promises'
import type { OptionRow } from '../src/core/option-table.ts'
import { OPTIONS } from '../src/core/options.ts'

const README = new URL('../README.md', import.meta.url)

/** README's text with its options tables written anew from the table of defaults. */
export function withOptionTables(readme: string): string {
  return Object.entries(OPTIONS).reduce((text, [name, table]) => {
    const rows = Object.entries<OptionRow>(table).map(
      ([option, row]) => `| \`${option}\` | ${show(row)} | ${row.doc} |`
    )
    const fresh = ['| option | default | |', '|---|---|---|', ...rows].join('\n')
    const place = new RegExp(`(<!-- options: ${name} -->\n)[^]*?(\n<!-- end -->)`)
    if (!place.test(text)) throw new Error(`README.md has no place for the options of ${name}`)
    return text.replace(place, (_, before: string, after: string) => before + fresh + after)
  }, readme)
}

function show(row: OptionRow): string {
  if ('choices' in row) return `\`${row.default}\``
  const MIB = 1024 * 1024
  if (row.unit === 'bytes' && row.default % MIB === 0) return `${row.default / MIB} MiB`
  return row.unit === 'ms' ? `${row.default.toLocaleString('en')} ms` : row.default.toLocaleString('en')
}

if (import.meta.main) await writeFile(README, withOptionTables(await readFile(README, 'utf8')))
