import { join } from 'node:path'

/** The folder of the package: one level above `src` and above `dist`, which is flat. */
export const packageRoot: string = join(import.meta.dirname, '..')
