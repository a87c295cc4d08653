/** The control API as an attacker finds it: how a request of his ended, and kinds with one defence off. */
import type { KindDefinition } from '../../../src/objects/kind.ts'
import { ALL_KINDS } from '../../../src/objects/index.ts'
import type { Answer } from '../../support/control-api.ts'
import { failed, succeeded, type Tried } from './attack.ts'

/** Every kind, with nothing said of who writes it: as it was once. */
export const WRITABLE_BY_ALL: readonly KindDefinition[] = ALL_KINDS.map(
  ({ writable: _, ...kind }) => kind as KindDefinition,
)

/** Every kind, with nothing called confidential. */
export const SHOWN_TO_ALL: readonly KindDefinition[] = ALL_KINDS.map(
  ({ confidential: _, confidentialFields: __, ...kind }) => kind as KindDefinition,
)

/** @returns that it was done, or what was said instead */
export function wasDone({ status, text }: Pick<Answer, 'status' | 'text'>): Tried {
  return status < 400 ? succeeded(text) : failed(`${status} ${text}`)
}

/** @returns whether what was answered, to any of the requests, has the secret in it */
export function wasTold(secret: string, answers: readonly Pick<Answer, 'status' | 'text'>[]): Tried {
  const told = answers.find(({ text }) => text.includes(secret))
  if (told !== undefined) return succeeded(told.text.slice(0, 500))
  return failed(answers.map(({ status, text }) => `${status} ${text.slice(0, 2_000)}`).join('\n'))
}

export const MERGE = { 'content-type': 'application/merge-patch+json' }
