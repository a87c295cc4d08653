/**
 * What `tributary init` can put into the configuration at once, so that a node sells or buys without being edited.
 */
import { type Command, InvalidArgumentError } from 'commander'
import type { Config } from '../config/index.ts'
import { CliError, EXIT } from './cli-error.ts'
import { readHostPort } from '../objects/host-port.ts'
import { canonical, parseQuantity } from '../quantity/index.ts'
import { parseMoney } from '../quantity/money.ts'
import { parsePeriod } from '../quantity/price.ts'
import { UnreadableError } from '../quantity/unreadable.ts'

type Capacity = NonNullable<Config['sell']>['capacity']
type Price = NonNullable<NonNullable<Config['sell']>['price']>
type Location = NonNullable<NonNullable<Config['sell']>['location']>

export interface InitSettings {
  readonly listen?: string
  readonly peer?: readonly string[]
  readonly capacity?: Capacity
  readonly sell?: Capacity
  readonly price?: Price
  readonly location?: Location
  readonly allowWorkloads?: true | 'unisolated'
}

export function addInitSettings(command: Command): Command {
  return command
    .option('--listen <host:port>', 'where other nodes reach it (default: loopback, any free port)', address)
    .option(
      '--peer <host:port>',
      'another node that it knows; may be given several times',
      (text: string, before: readonly string[] = []) => [...before, address(text)],
    )
    .option(
      '--capacity <resources>',
      'what there is for its own workloads (default: what the machine has)',
      capacity,
    )
    .option('--sell <resources>', 'spare compute for sale, for example cpu=4,memory=8Gi,pods=20', capacity)
    .option(
      '--price <price>',
      'of all of it, such as 0.05EUR/hour; or of one CPU and one GiB: cpu=0.02,memory=0.005EUR/hour',
      price,
    )
    .option('--location <place>', 'where it is: city and country, for example Turin,IT', location)
    .option(
      '--allow-workloads [unisolated]',
      'run the programs of buyers here, as selling compute needs: in containers or sandboxes, or, with "unisolated", as ordinary processes where neither works',
      (text: string) => {
        if (text === 'unisolated') return text
        throw new InvalidArgumentError('Want nothing, or the word unisolated.')
      },
    )
}

/** @returns the part of the configuration that the options say */
export function settingsOf(options: InitSettings): Partial<Config> {
  const { listen, peer, capacity: own, sell, price: asked, location: place, allowWorkloads } = options
  if (sell === undefined && (asked !== undefined || place !== undefined))
    throw new CliError('--price and --location are of what --sell offers: say what that is', EXIT.usage)
  const terms = {
    ...(asked === undefined ? {} : { price: asked }),
    ...(place === undefined ? {} : { location: place }),
  }
  return {
    ...(listen === undefined ? {} : { rear: { listen } }),
    ...(peer === undefined ? {} : { peers: peer.map((each) => ({ address: each })) }),
    ...(own === undefined ? {} : { cluster: { capacity: own } }),
    ...(sell === undefined ? {} : { sell: { capacity: sell, ...terms } }),
    ...(allowWorkloads === undefined ? {} : { allowWorkloads }),
  }
}

function address(text: string): string {
  if (readHostPort(text) !== undefined) return text
  throw new InvalidArgumentError('Want host:port, for example 192.0.2.7:7443.')
}

function price(text: string): Price {
  const match = /^(.+?)\s*([A-Z]{3})\/([a-z]+)$/.exec(text)
  const wrong = new InvalidArgumentError(
    'Want for example 0.05EUR/hour, or cpu=0.02,memory=0.005EUR/hour for the price of one CPU and one GiB.',
  )
  if (match === null) throw wrong
  const [, amounts = '', currency = '', period = ''] = match
  const units = amounts.includes('=')
    ? Object.fromEntries(amounts.split(',').map((part) => part.split('=') as [string, string]))
    : undefined
  try {
    parsePeriod(period)
    for (const amount of Object.values(units ?? { amounts })) parseMoney(amount)
  } catch (error) {
    if (!(error instanceof UnreadableError)) throw error
    throw new InvalidArgumentError(error.message)
  }
  const common = { currency, period: period as Price['period'] }
  return units === undefined ? { amount: amounts, ...common } : { units, ...common }
}

function location(text: string): Location {
  const [city = '', country = '', ...more] = text.split(',').map((part) => part.trim())
  if (city === '' || more.length > 0)
    throw new InvalidArgumentError('Want city and country, for example Turin,IT.')
  return country === '' ? { city } : { city, country }
}

function capacity(text: string): Capacity {
  const amounts: Record<string, string> = {}
  for (const part of text.split(',')) {
    const [resource = '', amount = ''] = part.split('=')
    if (!['cpu', 'memory', 'pods', 'storage'].includes(resource) || resource in amounts)
      throw new InvalidArgumentError(`Want cpu, memory, pods or storage, each once; not "${part}".`)
    try {
      amounts[resource] = canonical(amount)
      if (parseQuantity(amount).nanos > 0n) continue
    } catch {
      // Said below, for what is no quantity and what is nothing of it alike.
    }
    throw new InvalidArgumentError(`${resource}: want a quantity such as 4, 500m or 8Gi; not "${amount}".`)
  }
  const { cpu, memory, pods = '110', storage } = amounts
  if (cpu === undefined || memory === undefined)
    throw new InvalidArgumentError('Want cpu and memory at least.')
  return { cpu, memory, pods, ...(storage === undefined ? {} : { storage }) }
}
