#!/usr/bin/env node
// Plain and old JavaScript, so that an old Node gets as far as the sentence below.
const parts = process.versions.node.split('.').map(Number)
if (parts[0] < 22 || (parts[0] === 22 && parts[1] < 12)) {
  console.error(
    'pointsub needs Node.js 22.12 or newer, and this is ' + process.versions.node + ' (' + process.execPath + ').'
  )
  process.exit(1)
}
import('../dist/cli/main.js')
  .then(function (cli) {
    return cli.run(process.argv.slice(2))
  })
  .catch(function (error) {
    console.error(error)
    process.exitCode = 1
  })
