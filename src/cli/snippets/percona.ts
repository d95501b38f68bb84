import { mongod } from './mongod.ts'
import type { Snippet } from './snippet.ts'

/**
 * Encryption at rest of Percona Server for MongoDB, by the same settings as MongoDB's own; without a keyIdentifier it registers
 * its own key at first start.
 */
export const perconaMongodb: Snippet = {
  id: 'percona-mongodb',
  title: 'Percona Server for MongoDB, encryption at rest (mongod.conf)',
  text: mongod.text,
}
