import { describe, expect, it } from 'vitest'
import type { Pod } from '../objects/core/pod.ts'
import { wantedPorts } from './wanted-ports.ts'

type Port = { containerPort: number; name?: string; protocol?: string }

function pod(ports: Port[], annotations: Record<string, string> = {}): Pod {
  return {
    metadata: { name: 'web', namespace: 'default', annotations },
    spec: { containers: [{ name: 'main', ports }] },
  } as unknown as Pod
}

describe('the local ports that a pod wants', () => {
  it('are as the annotations say: the bare one means the first port, the other ones the port they name', () => {
    const { ports, complaints } = wantedPorts(
      pod([{ containerPort: 80 }, { containerPort: 81 }, { containerPort: 82 }], {
        'tributary.io/local-port': '8080',
        'tributary.io/local-port.82': '8082',
      }),
    )
    expect(ports.map(({ port, localPort }) => [port, localPort])).toEqual([
      [80, 8080],
      [81, undefined],
      [82, 8082],
    ])
    expect(complaints).toEqual([])
  })

  it('are not guessed when an annotation is no port', () => {
    for (const text of ['', '0', '65536', '-1', 'http', '80 ', '1e3']) {
      const { ports, complaints } = wantedPorts(
        pod([{ containerPort: 80 }], { 'tributary.io/local-port': text }),
      )
      expect(ports).toEqual([])
      expect(complaints).toHaveLength(1)
    }
  })

  it('are one for each TCP port, and a complaint for each other one', () => {
    const { ports, complaints } = wantedPorts(
      pod([{ containerPort: 80 }, { containerPort: 80 }, { containerPort: 53, protocol: 'UDP' }]),
    )
    expect(ports).toHaveLength(1)
    expect(complaints).toEqual([expect.stringContaining('only TCP')])
  })

  it('say how a person would open them', () => {
    const schemes = wantedPorts(
      pod([
        { containerPort: 80 },
        { containerPort: 8443 },
        { containerPort: 5432 },
        { containerPort: 1234, name: 'http-admin' },
        { containerPort: 8080, name: 'grpc' },
      ]),
    ).ports.map(({ scheme }) => scheme)
    expect(schemes).toEqual(['http', 'https', 'tcp', 'http', 'tcp'])
  })
})
