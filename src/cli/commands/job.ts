import type { Job } from '../../admin/client.ts'
import { KryptonError } from '../../errors.ts'
import { ask, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'

/** `krypton job`: what the server does in the background. */
export const addJobCommand: AddCommand = (program, terminal) => {
  const job = program.command('job').description('long acts of the server: rotations and what they re-wrap')
  withServer(job.command('list').description('list the jobs, the newest first'))
    .addHelpText('after', examples('krypton job list', 'krypton job list -o json'))
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => {
        const jobs = await server.listJobs()
        output.list(output.format === 'table' ? jobs.map(shown) : jobs, {
          ID: 'id',
          KIND: 'kind',
          SUBJECT: 'subject',
          STATE: 'state',
          DONE: 'progress',
          CREATED: 'created',
          DETAIL: 'detail',
        })
      }),
    )
  withServer(job.command('show').description('a job and how far it has come').argument('<id>', 'its identifier'))
    .addHelpText('after', examples('krypton job show 0123456789abcdef0123456789abcdef'))
    .action((id: string, flags: ServerFlags) => {
      checkIdentifier(id)
      return ask(terminal, flags, async (server, output) => output.thing(await server.showJob(id)))
    })
  withServer(
    job.command('cancel').description('end a job; what it has done so far stays').argument('<id>', 'its identifier'),
  )
    .addHelpText('after', examples('krypton job cancel 0123456789abcdef0123456789abcdef'))
    .action((id: string, flags: ServerFlags) => {
      checkIdentifier(id)
      return ask(terminal, flags, async (server, output) => output.thing(await server.cancelJob(id)))
    })
}

/** For people: progress in one word. */
function shown(job: Job): object {
  return { ...job, progress: job.total === 0 ? job.done : `${job.done}/${job.total}` }
}

function checkIdentifier(id: string): void {
  if (!/^[0-9a-f]{32}$/.test(id))
    throw new KryptonError(
      'usage',
      'a job is named by its identifier, 32 hexadecimal digits: krypton job list shows it',
    )
}
