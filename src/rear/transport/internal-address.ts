/** Which hosts are this machine, or on its link only: nobody else can mean them. */
import { BlockList, isIP, isIPv4 } from 'node:net'

/** This machine and its link: loopback, unspecified, link-local (where clouds answer with credentials), multicast. */
const INTERNAL = new BlockList()
for (const [net, prefix] of [
  ['0.0.0.0', 8],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['224.0.0.0', 3],
] as const)
  INTERNAL.addSubnet(net, prefix, 'ipv4')
for (const [net, prefix] of [
  ['::', 127],
  ['fe80::', 10],
  ['ff00::', 8],
] as const)
  INTERNAL.addSubnet(net, prefix, 'ipv6')

/**
 * @param host a name or an address; IPv6 without brackets
 * @returns whether it is on this machine or its link only, as far as the text tells; a name may still resolve to such
 */
export function isInternal(host: string): boolean {
  const family = isIP(host)
  if (family === 4) return INTERNAL.check(host, 'ipv4')
  if (family === 6) {
    const mapped = /^::ffff:([0-9.]+)$/i.exec(host)?.[1]
    return mapped !== undefined && isIPv4(mapped) ? isInternal(mapped) : INTERNAL.check(host, 'ipv6')
  }
  const name = host.toLowerCase().replace(/\.$/, '')
  // 127.1, 2130706433 and 0x7f000001 are addresses to those who resolve names.
  return /(^|\.)(localhost|localhost6?\.localdomain6?|ip6-(localhost|loopback)|[0-9]+|0x[0-9a-f]*)$/.test(
    name,
  )
}
