/** Writes generated pages, or says which of the committed ones differ. For the scripts of `npm run docs`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/**
 * With `--check` on the command line nothing is written; the process fails when a committed page says something else.
 * @param folder from the root of the repository, for example `docs/workflows`
 * @param pages text by file name
 * @param source what the pages are made of, for the message
 */
export function writeOrCheck(folder: string, pages: Readonly<Record<string, string>>, source: string): void {
  const directory = fileURLToPath(new URL(`../${folder}/`, import.meta.url))
  mkdirSync(directory, { recursive: true })
  for (const [name, text] of Object.entries(pages)) {
    if (!process.argv.includes('--check')) {
      writeFileSync(directory + name, text)
      console.log(`wrote ${folder}/${name}`)
    } else if (readIfThere(directory + name) !== text) {
      console.error(`${folder}/${name} does not say what ${source} says: run \`npm run docs\` and commit it.`)
      process.exitCode = 1
    }
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return undefined
  }
}
