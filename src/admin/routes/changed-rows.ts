import { Type } from 'typebox'
import { AcceptedRowsBody, ChangedTableAnswer, ProblemAnswer } from '../schemas.ts'
import type { ChangedTable } from '../services.ts'
import type { Routes } from './route.ts'

/** Rows of the database that were changed from outside, and what an operator takes upon himself with them. */
export const changedRowsRoutes: Routes = (server, services) => {
  server.get(
    '/v1/changed-rows',
    {
      schema: {
        summary: 'Tables with rows that were changed from outside, looked at now',
        tags: ['server'],
        response: { 200: Type.Array(ChangedTableAnswer) },
      },
    },
    async () => (await services.listChangedRows()).map(answerOf),
  )
  server.post(
    '/v1/changed-rows/accept',
    {
      schema: {
        summary: 'Take changed rows for those that were written, for ever: what somebody has put there counts',
        tags: ['server'],
        body: AcceptedRowsBody,
        response: { 200: Type.Array(ChangedTableAnswer), '4xx': ProblemAnswer, '5xx': ProblemAnswer },
      },
    },
    async (request) => (await services.acceptChangedRows(request.body)).map(answerOf),
  )
}

function answerOf({ rows, ...table }: ChangedTable) {
  return { ...table, ...(rows === undefined ? {} : { rows: [...rows] }) }
}
