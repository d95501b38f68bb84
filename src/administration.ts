import type {
  AdminServices,
  Client as ClientView,
  CreatedClient,
  NewClient,
  Status,
  Tenant as TenantView,
} from './admin/services.ts'
import { readAuthorityCertificate } from './certificates/authority-certificate.ts'
import { verifyClientCertificate } from './certificates/verify-client-certificate.ts'
import type { Clock } from './clock.ts'
import { KryptonError } from './errors.ts'
import type { Instance } from './instance.ts'
import { enumTables } from './kmip/enums.ts'
import { type Client, RecordState, type Tenant } from './tenants/records.ts'

/** The acts of an administrator, over what the instance is made of. Whoever reaches the Unix socket is the operator. */
export class Administration implements AdminServices {
  readonly #instance: Pick<Instance, 'registry' | 'authority'>
  readonly #clock: Clock
  readonly #status: () => Status

  constructor(instance: Pick<Instance, 'registry' | 'authority'>, clock: Clock, status: () => Status) {
    this.#instance = instance
    this.#clock = clock
    this.#status = status
  }

  status(): Status {
    return this.#status()
  }

  async createTenant(name: string): Promise<TenantView> {
    return tenantView(await this.#instance.registry.createTenant(name, actor))
  }

  async listTenants(): Promise<TenantView[]> {
    return (await this.#instance.registry.listTenants()).map(tenantView)
  }

  async createClient({ operations, csr, ...request }: NewClient): Promise<CreatedClient> {
    const { authority, registry } = this.#instance
    const allowed = operations?.map(operationNamed)
    const issued = await authority.issueClient({ name: request.name, csr }, new Date(this.#clock.now()))
    try {
      // What the server will do when the client comes, done once now: what it would refuse is bound to nobody.
      const verified = verifyClientCertificate(issued.certificate, [readAuthorityCertificate(authority.certificate)])
      const identity = { issuerKeyHash: verified.authority.publicKeyHash, leafKeyHash: verified.leafKeyHash }
      const client = await registry.createClient({ ...request, ...identity, operations: allowed }, actor)
      return {
        client: clientView(client),
        certificatePem: issued.certificatePem,
        privateKeyPem: issued.privateKeyPem,
        caPem: authority.certificatePem,
        notAfter: issued.notAfter.toISOString(),
        kmip: this.#status().kmip,
      }
    } catch (error) {
      issued.privateKeyPem?.fill(0)
      throw error
    }
  }

  async listClients(tenant: string): Promise<ClientView[]> {
    return (await this.#instance.registry.listClients(tenant)).map(clientView)
  }

  async revokeClient(tenant: string, name: string): Promise<ClientView> {
    return clientView(await this.#instance.registry.revokeClient(tenant, name, actor))
  }
}

const actor = 'operator:socket'

function tenantView({ tenant, name, state, created }: Tenant): TenantView {
  return { id: tenant.toString('hex'), name, state: stateName(state), created: timeText(created) }
}

function clientView(client: Client): ClientView {
  return {
    id: client.client.toString('hex'),
    tenant: client.tenantName,
    system: client.systemName,
    service: client.serviceName,
    name: client.name,
    state: stateName(client.state),
    operations: client.operations === undefined ? undefined : [...client.operations].map(operationName),
    created: timeText(client.created),
    revoked: client.revoked === undefined ? undefined : timeText(client.revoked),
  }
}

/** The specification's name of a KMIP operation. */
export function operationName(operation: number): string {
  return enumTables.Operation.get(operation)?.name ?? String(operation)
}

/** The number of an operation by its name, in any case, with or without spaces and hyphens. */
function operationNamed(name: string): number {
  const wanted = plain(name)
  for (const [operation, entry] of enumTables.Operation) if (plain(entry.name) === wanted) return operation
  const names = [...enumTables.Operation.values()].map((entry) => entry.name).join(', ')
  throw new KryptonError('invalid-field', `there is no KMIP operation ${name.slice(0, 40)}: name some of ${names}`)
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[\s_-]/g, '')

const stateName = (state: RecordState): string => (state === RecordState.active ? 'active' : 'revoked')

const timeText = (seconds: number): string => new Date(seconds * 1000).toISOString()
