import { describe, expect, it } from 'vitest'
import { echoPath, podStreamPath, purposeOf, relayPath, underContract } from './stream-paths.ts'

describe('paths of streams', () => {
  it('are read back as they were written, whatever the names are', () => {
    for (const contractID of ['c', 'a/b', 'ü?#%', '..']) {
      const pod = { contractID, namespace: 'n/s', pod: 'p d', port: 65_535 }
      expect(purposeOf(podStreamPath(pod))).toEqual({ type: 'pod', ...pod })
      expect(purposeOf(echoPath(contractID))).toEqual({ type: 'echo', contractID })
      expect(purposeOf(relayPath(contractID))).toEqual({ type: 'relay', contractID })
    }
  })

  it('that are none of ours, or malformed, are nobody’s', () => {
    for (const path of [
      '/',
      '/api/v2/contracts/c/pods/n/p/ports/0',
      '/api/v2/contracts/c/pods/n/p/ports/65536',
      '/api/v2/contracts/c/pods/n/p/ports/8080x',
      '/api/v2/contracts/c/pods/n/p/ports/80/more',
      '/api/v2/contracts/%zz/echo',
      '/api/v2/contracts//echo',
    ]) {
      expect(purposeOf(path), path).toBeUndefined()
    }
  })

  it('are moved below another contract, and nowhere else', () => {
    expect(underContract('/api/v2/contracts/a/pods/n/p/ports/1?x=/y', 'b/c')).toBe(
      '/api/v2/contracts/b%2Fc/pods/n/p/ports/1?x=/y',
    )
    expect(underContract('/api/v2/contracts/a', 'b')).toBe('/api/v2/contracts/b')
    expect(underContract('/api/v2/contracts', 'b')).toBeUndefined()
    expect(underContract('/api/v2/flavors', 'b')).toBeUndefined()
    expect(underContract('/api/v2/relay/a', 'b')).toBeUndefined()
  })
})
