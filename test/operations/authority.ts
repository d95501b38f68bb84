import { auditEvent } from '../../src/audit/audit-event.ts'
import { UnitOfWork } from '../../src/keystore/unit-of-work.ts'
import { createCertificateAuthority } from '../../src/operations/certificate-authority.ts'
import type { AuthorityKey } from '../../src/operations/certificate-authority.ts'
import { OperationContext } from '../../src/operations/handler.ts'
import type { MaybePromise } from '../../src/store/store.ts'
import type { Server } from './fixture.ts'

/** Runs an act of an operator on the service of the server's client. */
export async function operatorAct<T>(
  { services, clock, client: { principal } }: Server,
  run: (context: OperationContext) => MaybePromise<T>,
): Promise<T> {
  const unit = new UnitOfWork(services.keystore.forPrincipal(principal), (object) =>
    auditEvent({
      clock,
      tenant: principal.tenant,
      actor: 'operator:test',
      operation: 'test',
      object,
      result: 'success',
    }),
  )
  const { randomBytes, cryptoWork, server: facts, policy, streams } = services
  const now = clock.seconds
  const result = await run(
    new OperationContext({
      unit,
      principal,
      version: 14,
      now,
      randomBytes,
      cryptoWork,
      server: facts,
      policy,
      streams,
      clock,
    }),
  )
  await unit.commit(undefined)
  return result
}

/** A certificate authority of that service, for Certify and Re-certify. The clock of the server stands at the real time. */
export function createAuthority(server: Server, name: string, key: AuthorityKey) {
  return operatorAct(server, (context) =>
    createCertificateAuthority({ name, subject: `CN=${name},O=Test`, key, days: 3650 }, context),
  )
}
