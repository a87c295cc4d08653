/**
 * `tributary contract`: what can be done with a contract in a file, without any node.
 */
import { type Document, parseAllDocuments } from 'yaml'
import { CliError } from './cli-error.ts'
import { type Context, print } from './context.ts'
import { readText } from './manifest.ts'
import { examples, optionsOf, outputOption } from './options.ts'
import { encodeAs } from './print-objects.ts'
import { printable } from './printable.ts'
import { styleFor } from './style.ts'
import { formatTable } from './text-table.ts'
import { commandOf, type Verb } from './verb.ts'

export const contractVerb: Verb = (program, context) => {
  const contract = program.command('contract').description('check contracts offline')
  contract
    .command('verify <file>')
    .description('check signatures, parties and validity of a contract, with no node and no network')
    .addOption(outputOption(['json', 'yaml']))
    .addHelpText(
      'after',
      `
FILE (- for standard input) is the contract as it was exchanged, or the object that holds it.
Exits with 1 when it is not valid.
` +
        examples(
          ['tributary get contract NAME -o yaml > contract.yaml', 'take it out of the node'],
          ['tributary contract verify contract.yaml', 'check it, anywhere'],
        ),
    )
    .action(async (...args: unknown[]) => {
      const [file] = args as [string]
      await verify(context, file, optionsOf(commandOf(args)))
    })
}

const CHECKS: Readonly<Record<string, string>> = {
  document: 'is a contract',
  'seller-signature': "seller's signature",
  'buyer-signature': "buyer's signature",
  'flavor-signature': "owner's signature of the flavor",
  'access-signature': "seller's signature of the access data",
  validity: 'in force',
}

async function verify(
  context: Context,
  file: string,
  { output }: { readonly output?: string },
): Promise<void> {
  const contracts = contractsIn(await readText(context, file), file)
  const { verifyContract } = await import('../contract-manager/index.ts')
  const verdicts = contracts.map((contract) => verifyContract(contract, context.system.clock.now()))
  const ok = verdicts.every((verdict) => verdict.ok)
  if (output === 'json' || output === 'yaml') {
    const results = verdicts.map(({ ok: valid, checks, contract }) => ({
      ok: valid,
      ...(contract ? { contractID: contract.contractID } : {}),
      checks,
    }))
    context.stdout.write(encodeAs(output, results.length === 1 ? results[0] : results))
  } else {
    const style = styleFor(context, context.stdout)
    for (const { contract, checks, ok: valid } of verdicts) {
      const rows = checks.map((check) => [
        check.ok ? style.green('ok') : style.red('WRONG'),
        CHECKS[check.name] ?? check.name,
        printable(check.detail),
      ])
      const what = contract ? `contract ${printable(contract.contractID)}` : file
      print(context, `${what}: ${valid ? style.green('valid') : style.red('NOT VALID')}`)
      print(context, ...formatTable(rows, { indent: 2, gap: 2 }))
    }
  }
  if (ok) return
  const wrong = verdicts.flatMap(({ checks }) => checks.filter((check) => !check.ok))
  const reasons = wrong.map((check) => `${CHECKS[check.name] ?? check.name}: ${printable(check.detail)}`)
  throw new CliError(output === undefined ? `${file} is not valid` : `not valid: ${reasons.join('; ')}`)
}

/** @returns the contracts in the text, in their form on the wire */
function contractsIn(text: string, file: string): readonly unknown[] {
  const values = parsed(text, file).flatMap((value) => {
    const { kind, items } = (value ?? {}) as { kind?: unknown; items?: unknown }
    return typeof kind === 'string' && kind.endsWith('List') && Array.isArray(items)
      ? (items as unknown[])
      : [value]
  })
  if (values.length === 0) throw new CliError(`there is nothing in ${file}`)
  return values.map((value) => {
    const { kind, spec } = (value ?? {}) as { kind?: unknown; spec?: { document?: unknown } }
    if (kind === undefined || spec === undefined) return value
    if (kind !== 'Contract')
      throw new CliError(`${file} holds a ${typeof kind === 'string' ? kind : 'thing'}, not a contract`)
    if (spec.document === undefined) {
      throw new CliError(
        `the contract in ${file} has no spec.document: without what was signed nothing can be checked`,
      )
    }
    return typeof spec.document === 'string'
      ? parsed(spec.document, `${file}: spec.document`)[0]
      : spec.document
  })
}

function parsed(text: string, file: string): readonly unknown[] {
  if (/^\s*[[{]/.test(text)) {
    try {
      return [JSON.parse(text)]
    } catch {
      // Perhaps YAML in braces; its parser has the better messages anyway.
    }
  }
  const documents = parseAllDocuments(text, { prettyErrors: true })
  if ('empty' in documents) return []
  for (const { errors } of documents as readonly Document[]) {
    if (errors[0]) {
      const line = errors[0].linePos?.[0].line ?? 1
      throw new CliError(`${file}:${line}: neither JSON nor YAML: ${errors[0].message.split('\n')[0]!}`)
    }
  }
  return (documents as readonly Document[])
    .map((document) => document.toJS() as unknown)
    .filter((value) => value !== null)
}
