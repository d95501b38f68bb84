import { expect, test } from 'vitest'
import { Operation } from '../../src/kmip/enums.ts'
import { attribute, createPayload, newServer } from './fixture.ts'

test('Application Specific Information without its data is refused: the server makes none for any namespace', async () => {
  const { client } = await newServer()
  const information = { applicationNamespace: 'ssl' } as { applicationNamespace: string; applicationData: string }
  const attributes = [attribute('applicationSpecificInformation', information)]
  const refusal = await client.refusal(Operation.Create, createPayload(attributes))
  expect(refusal.reason).toBe('Application Namespace Not Supported')
  expect(refusal.message).toMatch(/Send Application Data/)
})
