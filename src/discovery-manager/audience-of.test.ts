import { describe, expect, it } from 'vitest'
import type { Standing } from '../privacy-and-security-manager/index.ts'
import { audienceOf } from './audience-of.ts'

describe('who sees what', () => {
  const seen = (callerDomain: string | undefined, callerStanding: Standing = 'accepted') =>
    audienceOf({
      callerDomain,
      callerStanding,
      ownDomain: 'example.org',
      listedDomains: ['example.com', 'example.net'],
    })

  it('members of our own domain see what is internal, accepted or not', () => {
    expect(seen('example.org')).toBe('internal')
    expect(seen('example.org', 'known')).toBe('internal')
  })

  it('members of listed domains see what is for them', () => {
    expect(seen('example.com')).toBe('listed')
    expect(seen('example.net', 'known')).toBe('listed')
  })

  it('everybody else sees what is public: also partners without a domain, or of one that is not listed', () => {
    expect(seen('example.edu')).toBe('public')
    expect(seen(undefined)).toBe('public')
    expect(seen(undefined, 'known')).toBe('public')
  })

  it('what a rejected node proved does not help it', () => {
    expect(seen('example.org', 'rejected')).toBe('public')
    expect(seen('example.com', 'rejected')).toBe('public')
    expect(seen('example.com', 'unknown')).toBe('public')
  })
})
