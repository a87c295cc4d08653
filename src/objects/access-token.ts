/**
 * AccessToken: lets its bearer use the control API until it expires. The token itself is told once, to who made it; only
 * its hash is here.
 *
 * Pure.
 */
import Type, { type Static } from 'typebox'
import type { KindDefinition } from './kind.ts'
import { MetadataSchema, type KubeObject } from './meta.ts'
import { oneOf } from './schema.ts'

const AccessTokenSpecSchema = Type.Object({
  role: oneOf(['admin', 'viewer']),
  hash: Type.String({ description: 'SHA-256 of the secret part, hexadecimal.' }),
  expires: Type.String({ description: 'RFC 3339.' }),
  purpose: Type.Optional(
    oneOf(['kubeconfig'], { description: 'Made by `tributary kubeconfig`: only the latest few are kept.' }),
  ),
})
export type AccessTokenSpec = Static<typeof AccessTokenSpecSchema>

export interface AccessToken extends KubeObject {
  readonly spec: AccessTokenSpec
}

export const AccessTokenKind: KindDefinition<AccessToken> = {
  group: 'tributary.io',
  version: 'v1alpha1',
  kind: 'AccessToken',
  plural: 'accesstokens',
  singular: 'accesstoken',
  namespaced: false,
  description: 'A token of the control API; what is stored is its hash.',
  schema: Type.Object({
    apiVersion: Type.Literal('tributary.io/v1alpha1'),
    kind: Type.Literal('AccessToken'),
    metadata: MetadataSchema,
    spec: AccessTokenSpecSchema,
  }),
  statusSubresource: false,
  confidential: true,
  writable: { by: 'node', why: 'made by the node', instead: 'use tributary token' },
  retention: { mode: 'component', by: 'Control API', until: 'it expires or is revoked' },
  columns: [
    { name: 'Role', path: 'spec.role' },
    { name: 'Expires', path: 'spec.expires' },
    { name: 'Age', type: 'date', path: 'metadata.creationTimestamp' },
  ],
}
