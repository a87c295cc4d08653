/** NodeIdentity, Location, Price, LiqoCredentials, TelemetryServer: the small parts of messages. */
import Type, { type Static } from 'typebox'
import { message, omittedText, plainText } from './members.ts'

export const WireNodeIdentitySchema = message(
  {
    ID: Type.String({
      'x-aliases': ['nodeID'],
      minLength: 1,
      maxLength: 512,
      description: 'Who the node is.',
    }),
    IP: plainText({ maxLength: 300, description: 'Where it answers: host:port.' }),
    domain: plainText({ maxLength: 253 }),
    additionalInformation: Type.Optional(
      message({
        liqoID: omittedText({ maxLength: 253, description: 'The id of its cluster.' }),
        kubeconfig: omittedText({
          description: 'What upstream nodes send. Never sent by this node, never read.',
        }),
      }),
    ),
  },
  { title: 'NodeIdentity', description: 'A node as it calls itself.' },
)
export type WireNodeIdentity = Static<typeof WireNodeIdentitySchema>

export const WireLocationSchema = message(
  {
    latitude: omittedText({ 'x-text': true }),
    longitude: omittedText({ 'x-text': true }),
    altitude: omittedText({
      'x-aliases': ['country'],
      description: 'The country; the name is a slip of upstream.',
    }),
    city: omittedText(),
    additionalNotes: omittedText(),
  },
  { title: 'Location', description: 'Where a flavor is.' },
)
export type WireLocation = Static<typeof WireLocationSchema>

export const WirePriceSchema = message(
  {
    amount: plainText({ 'x-text': true, description: 'A decimal number; empty when nothing is asked.' }),
    currency: plainText(),
    period: plainText(),
    units: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        'x-omit-empty': true,
        description:
          'What one of each resource costs, a GiB of what is measured in bytes. Upstream ignores it.',
      }),
    ),
  },
  { title: 'Price', description: 'What a flavor costs.', 'x-price': true },
)

export const WireLiqoCredentialsSchema = message(
  {
    clusterID: plainText({ 'x-aliases': ['liqoID'] }),
    kubeconfig: plainText({ description: 'Base64 of a kubeconfig; empty from nodes that give none away.' }),
  },
  { title: 'LiqoCredentials', description: 'How a Liqo cluster is reached.' },
)
export type WireLiqoCredentials = Static<typeof WireLiqoCredentialsSchema>

export const WireTelemetryServerSchema = message(
  {
    endpoint: Type.String({ maxLength: 2_048 }),
    intents: Type.Optional(Type.Array(Type.String({ maxLength: 253 }), { maxItems: 100 })),
  },
  { title: 'TelemetryServer', description: 'Where the buyer wants telemetry to go.' },
)
