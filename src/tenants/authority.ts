import { type AuthorityCertificate, readAuthorityCertificate } from '../certificates/authority-certificate.ts'
import type { Row } from '../store/schema.ts'
import { asBuffer } from './records.ts'

/** A registered authority: its public key vouches for clients of `tenant`, or of any tenant when that is the system's (zeros). */
export interface Authority extends AuthorityCertificate {
  readonly tenant: Buffer
  readonly state: number
  /** The row it was read from, which is verified before the authority is believed. */
  readonly row: Row<'authorities'> | undefined
}

/** Throws 'certificate-invalid' when the row holds no authority's certificate. */
export function readAuthority(row: Omit<Row<'authorities'>, 'row_version' | 'mac'> | Row<'authorities'>): Authority {
  const { tenant, state } = row
  return {
    ...readAuthorityCertificate(row.certificate),
    tenant: asBuffer(tenant),
    state,
    row: 'mac' in row ? row : undefined,
  }
}
