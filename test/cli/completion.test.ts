import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { run, temporaryFolder } from './support/run.ts'

async function bashComplete(...words: readonly string[]): Promise<readonly string[]> {
  const folder = temporaryFolder()
  const script = join(folder, 'completion.bash')
  writeFileSync(script, (await run(['completion', 'bash'])).out)
  // Stands for the program: knows two intents at the node in ./alpha, none elsewhere.
  const program = join(folder, 'tributary')
  writeFileSync(
    program,
    '#!/bin/sh\n[ "$*" = "get intents -o name --dir ./alpha" ] && printf "intent.tributary.io/hello\\nintent.tributary.io/help\\n"\n[ "$*" = "get pods -o name" ] && echo pod/web-1\n',
  )
  chmodSync(program, 0o755)
  const quoted = [program, ...words].map((word) => `'${word}'`).join(' ')
  const text = `source ${script}; COMP_WORDS=(${quoted}); COMP_CWORD=${words.length}; _tributary; printf '%s\\n' "\${COMPREPLY[@]}"`
  const out = execFileSync('bash', ['--norc', '-c', text], { cwd: folder, encoding: 'utf8' })
  return out.split('\n').filter((line) => line !== '')
}

const hasBash = spawnSync('bash', ['--version']).status === 0

describe.skipIf(!hasBash)('completion in bash', () => {
  it('completes verbs, subcommands and options, each of the command it is for', async () => {
    expect(await bashComplete('de')).toEqual(['demo', 'describe', 'delete'])
    expect(await bashComplete('peer', '')).toEqual(['list', 'accept', 'reject', 'reset'])
    expect(await bashComplete('apply', '--w')).toEqual(['--wait'])
    expect(await bashComplete('version', '--wa')).toEqual([])
  })

  it('completes kinds, then names of that kind at the node that the line names', async () => {
    expect(await bashComplete('get', 'virt')).toEqual(['virtualnodes', 'virtualrouters'])
    expect(await bashComplete('--dir', './alpha', 'get', 'intents', 'hel')).toEqual(['hello', 'help'])
    expect(await bashComplete('get', '--dir', '=', './alpha', 'intents', '')).toEqual(['hello', 'help'])
    expect(await bashComplete('get', 'intents/hel', '--dir')).toEqual(['--dir'])
    expect(await bashComplete('logs', '-f', '')).toEqual(['web-1'])
  })

  it('completes the values of options', async () => {
    expect(await bashComplete('get', 'pods', '-o', '')).toEqual(['json', 'yaml', 'wide', 'name'])
    expect(await bashComplete('init', '--role', '=', 'su')).toEqual(['supernode'])
    expect(await bashComplete('apply', '-f', 'completion')).toEqual(['completion.bash'])
    expect(await bashComplete('init', '--name', '')).toEqual([])
  })
})

describe('the completion scripts', () => {
  it.each(['bash', 'zsh', 'fish'])('know every verb: %s', async (shell) => {
    const { code, out } = await run(['completion', shell])
    expect(code).toBe(0)
    for (const verb of ['apply', 'api-resources', 'contract', 'demo', 'trace']) expect(out).toContain(verb)
  })

  it('are there for three shells', async () => {
    const { code, err } = await run(['completion', 'tcsh'])
    expect(code).toBe(2)
    expect(err).toContain('bash, zsh, fish')
  })
})
