import { Type } from 'typebox'
import { BackupAnswer, BackupBody, BackupPath, ProblemAnswer } from '../schemas.ts'
import type { Routes } from './route.ts'

/** The copies of the database that are kept: versions of keys wait for them. */
export const backupRoutes: Routes = (server, services) => {
  server.get(
    '/v1/backups',
    {
      schema: {
        summary: 'List the copies of the database that are kept',
        tags: ['backups'],
        response: { 200: Type.Array(BackupAnswer) },
      },
    },
    () => services.listBackups(),
  )
  server.post(
    '/v1/backups',
    {
      schema: {
        summary: 'Note a copy of the database: the versions of keys in it are kept until it is forgotten',
        tags: ['backups'],
        body: BackupBody,
        response: { 201: BackupAnswer, '4xx': ProblemAnswer },
      },
    },
    async (request, reply) => reply.code(201).send(await services.noteBackup(request.body)),
  )
  server.post(
    '/v1/backups/:backup/forget',
    {
      schema: {
        summary: 'Say that a copy is gone: it holds no version of a key any more',
        tags: ['backups'],
        params: BackupPath,
        response: { 200: BackupAnswer, '4xx': ProblemAnswer },
      },
    },
    (request) => services.forgetBackup(request.params.backup),
  )
}
