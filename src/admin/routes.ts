import { backupRoutes } from './routes/backups.ts'
import { changedRowsRoutes } from './routes/changed-rows.ts'
import { certificateAuthorityRoutes } from './routes/certificate-authority.ts'
import { clientRoutes } from './routes/clients.ts'
import { credentialRoutes } from './routes/credentials.ts'
import { jobRoutes } from './routes/jobs.ts'
import { keyRoutes } from './routes/keys.ts'
import { linkRoutes } from './routes/links.ts'
import { masterKeyRoutes } from './routes/master-key.ts'
import { roleRoutes } from './routes/roles.ts'
import type { Routes } from './routes/route.ts'
import { statusRoutes } from './routes/status.ts'
import { tenantRoutes } from './routes/tenants.ts'

/** Every route of the admin API: one file and one line for each kind of thing. */
export const routes: readonly Routes[] = [
  statusRoutes,
  tenantRoutes,
  clientRoutes,
  roleRoutes,
  credentialRoutes,
  certificateAuthorityRoutes,
  keyRoutes,
  masterKeyRoutes,
  backupRoutes,
  changedRowsRoutes,
  linkRoutes,
  jobRoutes,
]
