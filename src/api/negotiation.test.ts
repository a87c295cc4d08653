import { describe, expect, it } from 'vitest'
import { negotiate, wantsAggregatedDiscovery } from './negotiation.ts'

describe('negotiate', () => {
  it.each([
    [undefined, 'json', 'Object'],
    ['*/*', 'json', 'Object'],
    ['application/json', 'json', 'Object'],
    ['application/yaml', 'yaml', 'Object'],
    ['application/vnd.kubernetes.protobuf,application/json', 'json', 'Object'],
    ['application/yaml;q=0.5,application/json;q=0.9', 'json', 'Object'],
    ['application/json;as=Table;v=v1;g=meta.k8s.io,application/json', 'json', 'Table'],
    ['application/json;as=Strange;v=v1;g=meta.k8s.io,application/json', 'json', 'Object'],
    ['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 'json', 'PartialObjectMetadata'],
    ['text/html,application/xhtml+xml,*/*;q=0.8', 'json', 'Object'],
  ])('%s', (accept, encoding, shape) => expect(negotiate(accept)).toEqual({ encoding, shape }))

  it.each(['application/vnd.kubernetes.protobuf', 'text/html'])('refuses %s', (accept) => {
    expect(() => negotiate(accept)).toThrow(expect.objectContaining({ code: 406 }))
  })
})

describe('wantsAggregatedDiscovery', () => {
  const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList'
  it('only if the client asks for it first', () => {
    expect(wantsAggregatedDiscovery(`${aggregated},application/json`)).toBe(true)
    expect(wantsAggregatedDiscovery(`application/json,${aggregated}`)).toBe(false)
    expect(wantsAggregatedDiscovery(aggregated.replace('v2', 'v9'))).toBe(false)
    expect(wantsAggregatedDiscovery(undefined)).toBe(false)
  })
})
