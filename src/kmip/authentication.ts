import { KryptonError } from '../errors.ts'
import { CredentialType } from './enums.ts'
import { bytes, enumeration, secretText, text } from './kinds.ts'
import { oneOrMore, optional, required, struct } from './struct.ts'
import type { ValueOf } from './struct.ts'
import { Nonce } from './structures.ts'
import { Tag } from './tags.ts'

/**
 * Credentials in a request header (KMIP 1.4 sections 2.1.2 and 6.6). They are read whatever the server does with them: clients that are
 * known by their certificate send a user name all the same. A password stays bytes of the frame.
 */
export const CredentialValue = struct('Credential Value', {
  username: optional(Tag.Username, text),
  deviceSerialNumber: optional(Tag.DeviceSerialNumber, text, { since: 11 }),
  password: optional(Tag.Password, secretText),
  deviceIdentifier: optional(Tag.DeviceIdentifier, text, { since: 11 }),
  networkIdentifier: optional(Tag.NetworkIdentifier, text, { since: 11 }),
  machineIdentifier: optional(Tag.MachineIdentifier, text, { since: 11 }),
  mediaIdentifier: optional(Tag.MediaIdentifier, text, { since: 11 }),
  nonce: optional(Tag.Nonce, Nonce, { since: 12 }),
  attestationType: optional(Tag.AttestationType, enumeration('AttestationType'), { since: 12 }),
  attestationMeasurement: optional(Tag.AttestationMeasurement, bytes, { since: 12 }),
  attestationAssertion: optional(Tag.AttestationAssertion, bytes, { since: 12 }),
})
export type CredentialValue = ValueOf<typeof CredentialValue>

export const Credential = struct(
  'Credential',
  {
    credentialType: required(Tag.CredentialType, enumeration('CredentialType')),
    credentialValue: required(Tag.CredentialValue, CredentialValue),
  },
  {
    finish: (credential) => {
      const form = forms.get(credential.credentialType)
      if (form === undefined) {
        throw new KryptonError(
          'invalid-field',
          'Send a Credential of type Username and Password, Device or Attestation, or none',
        )
      }
      const given = Object.entries(credential.credentialValue).filter(([, value]) => value !== undefined)
      const needed = form.needed.every((field) => credential.credentialValue[field] !== undefined)
      if (
        !needed ||
        given.length === 0 ||
        given.some(([field]) => !form.fields.includes(field as keyof CredentialValue))
      ) {
        throw new KryptonError(
          'invalid-message',
          `Send in a Credential Value what its Credential Type has: ${form.fields.join(', ')}`,
        )
      }
      return credential
    },
  },
)
export type Credential = ValueOf<typeof Credential>

export const Authentication = struct('Authentication', { credentials: oneOrMore(Tag.Credential, Credential) })
export type Authentication = ValueOf<typeof Authentication>

type Form = { readonly needed: readonly (keyof CredentialValue)[]; readonly fields: readonly (keyof CredentialValue)[] }

const forms: ReadonlyMap<number, Form> = new Map<number, Form>([
  [CredentialType.UsernameAndPassword, { needed: ['username'], fields: ['username', 'password'] }],
  [
    CredentialType.Device,
    {
      needed: [],
      fields: [
        'deviceSerialNumber',
        'password',
        'deviceIdentifier',
        'networkIdentifier',
        'machineIdentifier',
        'mediaIdentifier',
      ],
    },
  ],
  [
    CredentialType.Attestation,
    {
      needed: ['nonce', 'attestationType'],
      fields: ['nonce', 'attestationType', 'attestationMeasurement', 'attestationAssertion'],
    },
  ],
])
