import { describe, expect, it } from 'vitest'
import { isObjectName } from '../objects/meta.ts'
import { candidateName, compareOffers, lineageOf } from './offer-version.ts'

const offer = (flavorID: string, timestamp = '2030-01-01T00:00:00Z') => ({
  flavorID,
  owner: 'did:key:z1',
  domain: 'p.org',
  timestamp,
})

describe('versions of an offer', () => {
  it.each([
    ['p.org-k8slice-0123abcd-0', 'p.org-k8slice-0123abcd-1'],
    ['p.org-k8slice-0123abcd-z', 'p.org-k8slice-0123abcd-10'],
    ['p.org-k8slice-0123abcd-zz', 'p.org-k8slice-0123abcd-100'],
    ['p.org-k8slice-0123abcd-00z', 'p.org-k8slice-0123abcd-10'],
  ])('%s is older than %s, whatever the time says', (older, newer) => {
    expect(compareOffers(offer(older, '2031-01-01T00:00:00Z'), offer(newer))).toBeLessThan(0)
    expect(compareOffers(offer(newer), offer(older, '2031-01-01T00:00:00Z'))).toBeGreaterThan(0)
  })

  it('are told by the signed time where there is no revision, or the same one', () => {
    const later = '2030-01-01T00:00:01Z'
    for (const id of ['sensor-1', 'p.org-k8slice-0123abcd-5']) {
      expect(compareOffers(offer(id), offer(id, later))).toBeLessThan(0)
      expect(compareOffers(offer(id), offer(id))).toBe(0)
    }
  })

  it('share the name of their entry; others do not', () => {
    const name = (id: string, node = 'did:key:z1') => candidateName(node, id)
    expect(name('p.org-k8slice-0123abcd-1')).toBe(name('p.org-k8slice-0123abcd-2'))
    expect(name('p.org-k8slice-0123abcd-1')).not.toBe(name('p.org-k8slice-0123abce-1'))
    expect(name('p.org-k8slice-0123abcd-1')).not.toBe(name('p.org-service-0123abcd-1'))
    expect(name('p.org-k8slice-0123abcd-1')).not.toBe(name('p.org-k8slice-0123abcd-1', 'did:key:z2'))
    expect(name('sensor-1')).not.toBe(name('sensor-2'))
    expect(lineageOf('fluidos-abcdef12-1')).toBe('fluidos-abcdef12-1')
  })

  it.each(['UPPER case!', 'dots..and-.dashes', '-', 'x'.repeat(253), 'a/b', '_'])(
    '%s makes a proper name',
    (id) => {
      expect(isObjectName(candidateName('did:key:z1', id))).toBe(true)
      expect(candidateName('did:key:z1', id)).not.toBe(candidateName('did:key:z1', `${id}a`.slice(-253)))
    },
  )
})
