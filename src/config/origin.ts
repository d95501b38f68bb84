/** Where the value of a setting came from. */
export interface Origin {
  readonly kind: 'default' | 'file' | 'environment' | 'flag'
  /** `krypton.yaml:3:9`, `KRYPTON_KMIP_PORT`, `--kmip-port`; empty for a default. */
  readonly where: string
}
