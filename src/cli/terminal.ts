/** What a command is given of the world, so that tests run commands in their own process. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Data: what a script reads. */
  readonly writeData: (text: string) => void
  /** Talk: what a person reads. */
  readonly writeTalk: (text: string) => void
  /** Everything on standard input. */
  readonly readInput: () => Promise<Buffer>
}

/** The terminal of this process. */
export const processTerminal: Terminal = {
  environment: process.env,
  writeData: (text) => void process.stdout.write(text),
  writeTalk: (text) => void process.stderr.write(text),
  readInput: async () => {
    const chunks: Buffer[] = []
    for await (const chunk of process.stdin) chunks.push(Buffer.from(chunk as Uint8Array))
    return Buffer.concat(chunks)
  },
}
