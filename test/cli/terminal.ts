import type { Terminal } from '../../src/cli/terminal.ts'
import { run } from '../../src/cli/program.ts'

/** What a command wrote and how it ended. */
export interface Ran {
  readonly code: number
  readonly data: string
  readonly talk: string
}

/** Runs a command line in this process. */
export async function runCommand(
  args: readonly string[],
  world: { environment?: Record<string, string>; input?: Uint8Array } = {},
): Promise<Ran> {
  let data = ''
  let talk = ''
  const terminal: Terminal = {
    // Whether the addon is there is the machine's matter; a test that cares says so.
    environment: world.environment ?? { KRYPTON_NATIVE: process.env['KRYPTON_NATIVE'] ?? 'auto' },
    writeData: (text) => void (data += text),
    writeTalk: (text) => void (talk += text),
    readInput: async () => Buffer.from(world.input ?? []),
  }
  const code = await run(args, terminal)
  return { code, data, talk }
}
