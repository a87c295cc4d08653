import { describe, expect, it } from 'vitest'
import { formatHostPort, isLoopback, isUnspecified, parseHostPort, readHostPort } from './host-port.ts'

describe('host:port', () => {
  it.each([
    ['127.0.0.1:0', '127.0.0.1', 0],
    ['node.example.org:7443', 'node.example.org', 7443],
    ['[2001:db8::7]:65535', '2001:db8::7', 65_535],
  ])('reads %s, and writes it as it was', (text, host, port) => {
    expect(readHostPort(text)).toEqual({ host, port })
    expect(formatHostPort({ host, port })).toBe(text)
  })

  it.each(['', 'host', 'host:', ':1', 'host:65536', 'host:-1', 'host:1.5', '::1:80', 'a b:1', 'http://a:1'])(
    'refuses "%s"',
    (text) => {
      expect(readHostPort(text)).toBeUndefined()
      expect(() => parseHostPort(text)).toThrow('is not host:port')
    },
  )

  it('knows hosts that name every address, and those that name this machine only', () => {
    expect(['0.0.0.0', '::', '0', '::0', '0:0:0:0:0:0:0:0'].every((host) => isUnspecified({ host }))).toBe(
      true,
    )
    expect(['10.0.0.0', '::1', 'host'].some((host) => isUnspecified({ host }))).toBe(false)
    expect(['127.9.9.9', 'localhost', '::1'].every((host) => isLoopback({ host }))).toBe(true)
    expect(['0.0.0.0', '192.0.2.1', 'host'].some((host) => isLoopback({ host }))).toBe(false)
  })
})
