import { describe, expect, it } from 'vitest'
import { schemaCauses } from '../../kernel/validation/schema-causes.ts'
import type { JsonMembers, KindDefinition } from '../kind.ts'
import type { KubeObject } from '../meta.ts'
import { type ConfigMap, ConfigMapKind } from './config-map.ts'
import { type Secret, SecretKind } from './secret.ts'

const metadata = { name: 'x', namespace: 'default' }

/** As the API does it. @returns the fields that are wrong */
function wrongFields<T extends KubeObject>(
  kind: KindDefinition<T>,
  members: JsonMembers,
  before?: JsonMembers,
): readonly string[] {
  const written = { apiVersion: 'v1', kind: kind.kind, metadata, ...members }
  const object = { ...(kind.normalize?.(written) ?? written) }
  const causes = schemaCauses(kind, object)
  const all = causes.length > 0 ? causes : (kind.complaints?.(object as never, before as never) ?? [])
  return all.map(({ field }) => field)
}

const base64 = (text: string): string => Buffer.from(text).toString('base64')

describe('a ConfigMap', () => {
  it('takes what Kubernetes takes', () => {
    expect(wrongFields(ConfigMapKind, {})).toEqual([])
    expect(
      wrongFields(ConfigMapKind, {
        data: { 'a.b-c_D': '', '.hidden': 'x' },
        binaryData: { b: base64('\0') },
      }),
    ).toEqual([])
  })

  it.each<[string, JsonMembers, string]>([
    ['a key with a slash', { data: { 'a/b': '' } }, 'data[a/b]'],
    ['a key that leads upwards', { data: { '..x': '' } }, 'data[..x]'],
    ['a key of one dot', { data: { '.': '' } }, 'data[.]'],
    ['an endless key', { data: { ['a'.repeat(254)]: '' } }, `data[${'a'.repeat(64)}]`],
    ['bytes that are no base64', { binaryData: { b: 'a b' } }, 'binaryData[b]'],
    ['one key twice', { data: { b: '' }, binaryData: { b: '' } }, 'data[b]'],
    ['a number', { data: { b: 1 } }, 'data.b'],
    ['another member', { spec: {} }, 'spec'],
    ['more than 1 MiB', { data: { a: 'é'.repeat(524_288), b: 'x' } }, ''],
  ])('refuses %s, with the field', (_, members, field) => {
    expect(wrongFields(ConfigMapKind, members)).toEqual([field])
  })

  it('that is immutable cannot change, nor become mutable; its labels can', () => {
    const before: Partial<ConfigMap> = { data: { a: '1', b: '2' }, immutable: true }
    expect(wrongFields(ConfigMapKind, { data: { b: '2', a: '1' }, immutable: true }, before)).toEqual([])
    expect(wrongFields(ConfigMapKind, { data: { a: '2' }, immutable: true }, before)).toEqual(['data'])
    expect(wrongFields(ConfigMapKind, { data: before.data }, before)).toEqual(['immutable'])
  })
})

describe('a Secret', () => {
  it('keeps texts as base64, above the data of the same key, and is Opaque unless it says so', () => {
    const written = { stringData: { a: 'new' }, data: { a: base64('old'), b: base64('b') } }
    expect(SecretKind.normalize!(written)).toEqual({
      type: 'Opaque',
      data: { a: base64('new'), b: base64('b') },
    })
    expect(wrongFields(SecretKind, written)).toEqual([])
  })

  it.each<[string, JsonMembers, string]>([
    ['texts that are none', { stringData: { a: 1 } }, 'stringData.a'],
    ['data that is no base64', { data: { a: '%' } }, 'data[a]'],
    ['base64 without its padding', { data: { a: 'YQ' } }, 'data[a]'],
    [
      'a registry password without one',
      { type: 'kubernetes.io/dockerconfigjson' },
      'data[.dockerconfigjson]',
    ],
    [
      'a certificate without its key',
      { type: 'kubernetes.io/tls', stringData: { 'tls.crt': '' } },
      'data[tls.key]',
    ],
    ['more than 1 MiB', { stringData: { a: 'x'.repeat(1_048_577) } }, 'data'],
  ])('refuses %s, with the field', (_, members, field) => {
    expect(wrongFields(SecretKind, members)).toEqual([field])
  })

  it('never changes its type', () => {
    expect(wrongFields(SecretKind, { type: 'x/y' }, { type: 'Opaque' } as Partial<Secret>)).toEqual(['type'])
  })

  it('is not shown in what is said against it', () => {
    const object = { metadata, data: { a: 'not base64!' } } as unknown as Secret
    expect(JSON.stringify(SecretKind.complaints!(object, undefined))).not.toContain('not base64!')
  })
})
