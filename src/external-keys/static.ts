import type { ExternalKey } from './external-key.ts'

/** Makes a new key file of mode 0400. Throws 'already-exists'. */
export declare function createStaticKeyFile(path: string): void
/** Opens the static key in `file`; `dataDirectory` is where the file must not lie. Throws 'config-invalid'. */
export declare function openStaticKey(options: { file: string; dataDirectory: string }): ExternalKey
