/**
 * Signs and stores the seller's contract of a transaction: of a part of our own pool (Seller), or of what is bought
 * at the next hop for the one before (Forwarder). Decides nothing: who may buy was decided before.
 */
import { ensure, type ObjectStore } from '../kernel/object-store.ts'
import type { Self } from '../node-base.ts'
import { ContractKind, type Contract } from '../objects/contract.ts'
import { inDefaultNamespace } from '../objects/meta.ts'
import type { Transaction } from '../objects/transaction.ts'
import { signDocument, type NodeKey } from '../privacy-and-security-manager/index.ts'
import {
  accessTerms,
  contractFromWire,
  contractTerms,
  encodeContract,
  withAccess,
  withSignatures,
  type AccessData,
  type WireContract,
  type WireContractTerms,
  type WirePurchaseRequest,
} from '../rear/wire/index.ts'
import { traceAnnotations, traceOf } from '../trace/index.ts'
import { reserveOf } from './repeated-reserve.ts'
import { ACCESS_SIGNATURE, CONTRACT_SIGNATURE } from './signature-types.ts'

/** The finalizer that keeps a contract until it is closed. */
export const CONTRACT_FINALIZER = 'tributary.io/contract'

export interface ContractIssuerOptions {
  readonly store: ObjectStore
  readonly self: Self
  readonly key: NodeKey
}

/** What goes into a contract besides its draft. */
export interface IssuedOf {
  /** The pool that the part is of; undefined when the next hop has it. */
  readonly poolName?: string
  /** Over the draft; upstream's buyers sign nothing. */
  readonly buyerSignature?: string | undefined
  readonly request?: WirePurchaseRequest
  /** What the buyer gets to use what it bought; only now that it has bought. */
  readonly access?: AccessData | undefined
}

export class ContractIssuer {
  readonly #options: ContractIssuerOptions

  constructor(options: ContractIssuerOptions) {
    this.#options = options
  }

  /** Idempotent: the contract of a transaction has the transaction's name. */
  async issue(
    transaction: Transaction,
    { poolName, buyerSignature, request, access }: IssuedOf,
  ): Promise<Contract> {
    const { store, key, self } = this.#options
    const draft = transaction.spec.contractDraft as WireContractTerms
    const unsigned = {
      ...draft,
      // No credentials: what the buyer may do follows from the contract and its key.
      peeringTargetCredentials: {
        clusterID: self.identity().additionalInformation?.liqoID ?? '',
        kubeconfig: '',
      },
      // A buyer that signed the draft signed it without; upstream's buyers sign nothing.
      ...(request?.ingressTelemetryEndpoint && buyerSignature === undefined
        ? { ingressTelemetryEndpoint: request.ingressTelemetryEndpoint }
        : {}),
    } as WireContract
    const seller = signDocument(contractTerms(unsigned), { ...CONTRACT_SIGNATURE, key })
    const bySeller = withSignatures(unsigned, {
      seller,
      ...(buyerSignature === undefined ? {} : { buyer: buyerSignature }),
    })
    const signed =
      access === undefined
        ? bySeller
        : withAccess(
            bySeller,
            access,
            signDocument(accessTerms(draft.contractID, access), { ...ACCESS_SIGNATURE, key }),
          )
    const document = encodeContract(signed)
    const reserve = reserveOf(transaction)
    return ensure(store, ContractKind, {
      metadata: {
        ...inDefaultNamespace(draft.contractID),
        finalizers: [CONTRACT_FINALIZER],
        annotations: traceAnnotations(traceOf(transaction)),
      },
      spec: {
        ...contractFromWire(signed, document),
        role: 'seller',
        ...(poolName === undefined ? {} : { poolName }),
        ...(reserve === undefined ? {} : { reserve }),
      },
    })
  }
}
