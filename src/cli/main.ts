import { run } from './program.ts'
import { processTerminal } from './terminal.ts'

// What is made here is for its owner alone; the few files that others may read say so when they are made.
process.umask(0o077)
// Whoever reads has read enough, as in `krypton key list | head`; a server goes on without.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})
process.exitCode = await run(process.argv.slice(2), processTerminal)
