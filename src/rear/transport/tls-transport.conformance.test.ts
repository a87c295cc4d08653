import { transportConformance } from '../../../test/conformance/transport.ts'
import { silentLog } from '../../kernel/log.ts'
import { realSystem } from '../../kernel/system.ts'
import { createTlsTransport } from './index.ts'

transportConformance('TLS', () =>
  Promise.resolve({
    transport: (identity) => createTlsTransport({ identity, system: realSystem, log: silentLog }),
  }),
)
