import { ask, dirFlag, examples, withServer, type AddCommand, type ServerFlags } from '../command.ts'

/** `krypton scrub`: a look at every row of the database. The server takes one from time to time by itself. */
export const addScrubCommand: AddCommand = (program, terminal) => {
  withServer(
    program.command('scrub').description('look at every row of the database for what was changed from outside'),
  )
    .addHelpText('after', examples('krypton scrub --dir /var/lib/krypton'))
    .action((flags: ServerFlags) =>
      ask(terminal, flags, async (server, output) => {
        const job = await server.scrub()
        output.thing(job)
        output.talk(
          `The look is queued and goes on in the server: that it was taken says nothing of what it finds. It ends as done, or as failed with what was changed:\nNext: krypton job show ${job.id}${dirFlag(flags)}\n`,
        )
      }),
    )
}
