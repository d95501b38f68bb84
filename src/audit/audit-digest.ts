import { digest } from '../crypto/digest.ts'
import { auditColumns, type StoredAuditRow } from '../store/schema.ts'

/**
 * SHA-256 of an audit row as it is stored, 32 bytes: over "krypton/audit-row/1" ‖ 0, then each column in the schema's order as u32 length ‖ value,
 * big-endian; integers are 8 bytes, text UTF-8, null has the length 2^32 - 1.
 */
export function auditDigest(row: StoredAuditRow): Buffer {
  const parts: Uint8Array[] = [Buffer.from('krypton/audit-row/1\0')]
  for (const name of Object.keys(auditColumns)) {
    const value = bytesOf(row[name as keyof StoredAuditRow]) // a column of that table
    const length = Buffer.alloc(4)
    length.writeUInt32BE(value === undefined ? 0xffffffff : value.byteLength)
    parts.push(length, value ?? Buffer.alloc(0))
  }
  return digest('sha256', Buffer.concat(parts))
}

function bytesOf(value: StoredAuditRow[keyof StoredAuditRow]): Uint8Array | undefined {
  if (value === null) return undefined
  if (typeof value === 'string') return Buffer.from(value)
  if (typeof value !== 'number') return value
  const bytes = Buffer.alloc(8)
  bytes.writeBigInt64BE(BigInt(value))
  return bytes
}
