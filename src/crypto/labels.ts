/**
 * Every label of a derivation. One label has one use for ever: two uses of one label would give two purposes the same key.
 * In the KDF a label is preceded by `krypton/v1/`.
 */
export const labels = {
  // from the MasterKey; context lv(cluster) ‖ u32 epoch
  /** Wraps the IVKs. */
  wrapIvk: 'wrap-ivk',
  /** Identifier of the key above, in the header of the records that it wraps: 16 bytes, public. */
  wrapIvkId: 'wrap-ivk-id',
  /** Wraps the system integrity keys. */
  wrapSystem: 'wrap-system',
  /** Identifier of the key above: 16 bytes, public. */
  wrapSystemId: 'wrap-system-id',
  /** Makes the verifier that tells this MasterKey from another. */
  verifier: 'verifier',
  /** Authenticates the seal's blob. */
  sealMac: 'seal-mac',

  // from a system integrity key; context lv(cluster) ‖ lv(16 zero bytes) ‖ u32 version
  /** MACs of system rows. */
  systemRowMac: 'system-row-mac',
  /** MACs of what the anchor outside the database holds. */
  anchorMac: 'anchor-mac',
  /** Digests of all rows of a section. */
  setDigest: 'set-digest',

  // from a tenant's integrity key; context lv(cluster) ‖ lv(tenant) ‖ u32 version
  /** MACs of a tenant's rows. */
  tenantRowMac: 'tenant-row-mac',
  /** Tokens that stand in an index for values. */
  indexToken: 'index-token',
  /** Check values of keys. */
  keyCheck: 'key-check',

  // from any key that wraps in suite 0x03; no context
  /** The XAES-256-GCM key. */
  suite3Encryption: 'suite-3-encryption',
  /** The HMAC key of the commitment. */
  suite3Commitment: 'suite-3-commitment',

  // from the key in a static seal's file; no context
  /** Identifier of the file's key: 16 bytes, public. */
  staticKeyId: 'static-key-id',
} as const

/** A label of the table above. */
export type Label = (typeof labels)[keyof typeof labels]
