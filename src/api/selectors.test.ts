import { describe, expect, it } from 'vitest'
import { selectsFields } from '../objects/field-selector.ts'
import { selectsLabels } from '../objects/label-selector.ts'
import { parseFieldSelector, parseLabelSelector } from './selectors.ts'

const object = {
  metadata: { name: 'a', namespace: 'default', labels: { app: 'web', tier: 'front', 'example.com/n': '5' } },
  spec: { nodeName: 'n1', text: 'a,b=c' },
}
const byLabels = (text: string): boolean => selectsLabels(parseLabelSelector(text), object.metadata.labels)
const byFields = (text: string): boolean => selectsFields(parseFieldSelector(text), object)

describe('label selectors', () => {
  it.each([
    '',
    'app=web',
    'app==web',
    'app!=db',
    'other!=x',
    'app in (web, db)',
    'app notin (db)',
    'other notin (x)',
    'app',
    '!other',
    'app=web,tier in (front,back),!canary',
    'example.com/n>4',
    'example.com/n<6',
  ])('%j selects', (text) => expect(byLabels(text)).toBe(true))

  it.each([
    'app=db',
    'app!=web',
    'app in (db)',
    'other in (x)',
    'app notin (web,db)',
    '!app',
    'other',
    'app=web,tier=x',
    'constructor',
  ])('%j does not select', (text) => expect(byLabels(text)).toBe(false))

  it.each(['app in', 'a b', '=x', 'app=(', ',', 'a,,b'])('%j is refused', (text) => {
    expect(() => parseLabelSelector(text)).toThrow(expect.objectContaining({ reason: 'BadRequest' }))
  })
})

describe('field selectors', () => {
  it.each([
    'metadata.name=a',
    'metadata.name==a,spec.nodeName!=n2',
    'spec.nodeName=n1',
    'spec.absent=',
    'spec.absent!=x',
    String.raw`spec.text=a\,b\=c`,
  ])('%j selects', (text) => expect(byFields(text)).toBe(true))

  it.each(['metadata.name=b', 'spec.nodeName!=n1', 'spec.absent=x'])('%j does not select', (text) =>
    expect(byFields(text)).toBe(false),
  )

  it('refuses what is no field selector', () => {
    expect(() => parseFieldSelector('metadata.name')).toThrow(
      expect.objectContaining({ reason: 'BadRequest' }),
    )
  })
})
