import { expect, it } from 'vitest'
import {
  contractSignatures,
  contractTerms,
  withAccess,
  withoutSecrets,
  withSignatures,
  type WireContract,
} from './contract.ts'

it('a contract that third parties see has its terms and signatures, and no credentials', () => {
  // Only what is told apart: the rest of a contract is passed on as it is.
  const terms = { contractID: 'c', extraInformation: { note: 'n' } } as unknown as WireContract
  const signed = withSignatures(terms, { seller: 's', buyer: 'b' })
  const whole: WireContract = {
    ...withAccess(signed, { url: 'postgres://db', password: 'hunter2' }, 'signature-of-access'),
    peeringTargetCredentials: { token: 'a-token' } as unknown as NonNullable<
      WireContract['peeringTargetCredentials']
    >,
  }

  const shown = withoutSecrets(whole) as WireContract

  expect(JSON.stringify(whole)).toMatch(/hunter2.*signature-of-access/)
  expect(JSON.stringify(shown)).not.toMatch(/hunter2|postgres|signature-of-access|a-token/)
  expect(contractTerms(shown)).toEqual(contractTerms(withoutSecrets(signed)))
  expect(contractSignatures(shown)).toEqual({ seller: 's', buyer: 'b' })
  expect(shown.extraInformation?.['note']).toBe('n')
})
