import { describe, expect, it } from 'vitest'
import { parseRequestPath } from './request-path.ts'

describe('parseRequestPath', () => {
  it.each([
    ['/api', { type: 'groups', root: 'api' }],
    ['/apis/', { type: 'groups', root: 'apis' }],
    ['/apis/g.io', { type: 'group', group: 'g.io' }],
    ['/apis/g.io/v1', { type: 'version', apiVersion: 'g.io/v1' }],
    ['/api/v1/pods', { type: 'resource', apiVersion: 'v1', plural: 'pods' }],
    ['/api/v1/namespaces', { type: 'resource', apiVersion: 'v1', plural: 'namespaces' }],
    ['/api/v1/namespaces/x', { type: 'resource', apiVersion: 'v1', plural: 'namespaces', name: 'x' }],
    [
      '/api/v1/namespaces/x/status',
      { type: 'resource', apiVersion: 'v1', plural: 'namespaces', name: 'x', subresource: 'status' },
    ],
    [
      '/apis/g.io/v1/namespaces/x/widgets/a%2Eb/status',
      {
        type: 'resource',
        apiVersion: 'g.io/v1',
        plural: 'widgets',
        namespace: 'x',
        name: 'a.b',
        subresource: 'status',
      },
    ],
    ['/apis/g.io/v1/gadgets/g', { type: 'resource', apiVersion: 'g.io/v1', plural: 'gadgets', name: 'g' }],
    ['/api/v1/namespaces/x/pods/p/log/more', undefined],
    ['/api//pods', undefined],
    ['/other', undefined],
  ])('%s', (path, expected) => expect(parseRequestPath(path)).toEqual(expected))

  it('refuses a wrong percent-encoding', () => {
    expect(() => parseRequestPath('/api/v1/pods/%zz')).toThrow(expect.objectContaining({ code: 400 }))
  })
})
