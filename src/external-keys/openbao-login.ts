import { type CredentialSource, lineOf } from './credential-source.ts'

/** How we prove to OpenBao who we are. */
export type OpenBaoLogin = TokenLogin | AppRoleLogin | CertificateLogin

/** A token that was made for us; that in a file may be kept by an OpenBao Agent. It is renewed while it may be. */
export interface TokenLogin {
  readonly method: 'token'
  readonly token: CredentialSource
}

export interface AppRoleLogin {
  readonly method: 'approle'
  /** Where the method is mounted: `approle`. */
  readonly mount: string
  readonly roleId: CredentialSource
  readonly secretId: CredentialSource
}

/** The certificate with which every connection is made. */
export interface CertificateLogin {
  readonly method: 'certificate'
  /** Where the method is mounted: `cert`. */
  readonly mount: string
  /** Name of the role; where there is none, OpenBao takes one that the certificate fits. */
  readonly role: string | undefined
  /** PEM: our certificate, with what stands between it and its authority. */
  readonly certificate: CredentialSource
  /** PEM. */
  readonly key: CredentialSource
}

/** JSON for `auth/MOUNT/login`. It may hold a credential: whoever sent it wipes it. @throws KryptonError config-invalid: a credential cannot be read */
export async function loginBody(login: AppRoleLogin | CertificateLogin): Promise<Buffer> {
  const said =
    login.method === 'approle'
      ? { role_id: await lineOf(login.roleId), secret_id: await lineOf(login.secretId) }
      : { name: login.role }
  return Buffer.from(JSON.stringify(said))
}

/** Overwrites what is held of the credentials. */
export function wipeLogin(login: OpenBaoLogin): void {
  const sources =
    login.method === 'token'
      ? [login.token]
      : login.method === 'approle'
        ? [login.roleId, login.secretId]
        : [login.certificate, login.key]
  for (const source of sources) source.wipe()
}
