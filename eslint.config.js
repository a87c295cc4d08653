/**
 * What ESLint checks: things that are wrong, not how they look. Prettier does layout; `tsc` finds unused
 * locals and parameters; dependency-cruiser watches who imports whom.
 *
 * The part that is particular to this project keeps time, randomness and the process out of the code: a whole
 * market of nodes runs in one process on a simulated clock, which one stray `setTimeout` would break unseen.
 */
import js from '@eslint/js'
import { defineConfig, globalIgnores } from 'eslint/config'
import tseslint from 'typescript-eslint'

/** The one module that takes time, timers and randomness from the machine. */
const SYSTEM = 'src/kernel/system.ts'
/** It lets all writes of one turn of the event loop share one commit: a turn is not a time. */
const TURN_TAKERS = ['src/store/table-store.ts']
/** What a person or a process manager starts: may talk to the terminal and end the process. */
const PROGRAMS = ['src/main.ts', 'src/cli/**/*.ts']
/** Run beside nodes, on the real machine: they measure it. */
const TOOLS = ['bench/**/*.ts', 'scripts/**/*.ts']
/** Tests, and what only tests import. */
const TESTS = ['**/*.test.ts', 'test/**/*.ts']

const USE_CLOCK = `Take the time from the clock of the System passed in (${SYSTEM}).`
const USE_TIMER = `Use clock.after, sleep or deadline with the System passed in (${SYSTEM}).`
const USE_RANDOM = `Take randomness from the System passed in, ids from uuid or randomHex (${SYSTEM}).`
const USE_STOP = 'Only a program ends the process (src/main.ts, src/cli): throw, or stop the component.'

const IDS = ['randomUUID']
const BYTES = ['randomBytes', 'randomInt', 'randomFill', 'randomFillSync', 'getRandomValues']

/**
 * The rules that keep the machine out, as ESLint's options; a later block replaces an earlier one's whole.
 * @param timers the timers that are forbidden
 * @param random the members of node:crypto that are forbidden
 * @param clock whether reading the machine's clock is forbidden
 * @param signalTimeout whether `AbortSignal.timeout` is forbidden
 * @param exit whether ending the process is forbidden
 */
function keepOut({ timers = [], random = [], clock = false, signalTimeout = false, exit = false }) {
  const syntax = [
    ...(clock
      ? [
          [USE_CLOCK, member('Date', ['now'])],
          [USE_CLOCK, member('performance', ['now', 'timeOrigin'])],
          [USE_CLOCK, member('process', ['hrtime', 'uptime'])],
          [USE_CLOCK, 'NewExpression[callee.name="Date"][arguments.length=0]'],
          [USE_CLOCK, 'CallExpression[callee.name="Date"]'],
        ]
      : []),
    ...(timers.length > 0 ? [[USE_TIMER, member('globalThis', timers)]] : []),
    ...(signalTimeout ? [[USE_TIMER, member('AbortSignal', ['timeout'])]] : []),
    ...(random.length > 0
      ? [
          [USE_RANDOM, member('Math', ['random'])],
          [USE_RANDOM, member('crypto', random)],
        ]
      : []),
    ...(exit ? [[USE_STOP, member('process', ['exit', 'abort', 'reallyExit'])]] : []),
  ]
  const paths = [
    ...(timers.length > 0
      ? [
          { name: 'node:timers', importNames: timers, message: USE_TIMER },
          { name: 'node:timers/promises', importNames: [...timers, 'scheduler'], message: USE_TIMER },
        ]
      : []),
    ...(random.length > 0 ? [{ name: 'node:crypto', importNames: random, message: USE_RANDOM }] : []),
    ...(exit ? [{ name: 'node:process', importNames: ['exit', 'abort'], message: USE_STOP }] : []),
  ]
  return {
    'no-restricted-syntax': listed(syntax.map(([message, selector]) => ({ selector, message }))),
    'no-restricted-globals': listed(timers.map((name) => ({ name, message: USE_TIMER }))),
    'no-restricted-imports': [
      'error',
      {
        paths,
        patterns: [
          {
            // Else the same module could be named in a way that the rules above do not see.
            regex:
              '^(assert|crypto|events|fs|http|http2|https|net|os|path|process|stream|timers|tls|util)(/|$)',
            message: 'Name modules of Node with their prefix: `node:…`.',
          },
        ],
      },
    ],
  }
}

/** A rule that is given nothing would keep what an earlier block gave it. */
function listed(options) {
  return options.length > 0 ? ['error', ...options] : 'off'
}

/** Selects `object.name`, `object?.name` and `object['name']`. */
function member(object, names) {
  const any = names.flatMap((name) => [`[property.name="${name}"]`, `[property.value="${name}"]`])
  return `MemberExpression[object.name="${object}"]:matches(${any.join(', ')})`
}

export default defineConfig(
  // Generated, or not ours.
  globalIgnores(['coverage/', 'bench/results/', 'docs/', 'deploy/', 'web/dist/']),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['bin/**/*.js'],
    languageOptions: { globals: { console: 'readonly', process: 'readonly', URL: 'readonly' } },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      ...keepOut({
        timers: ['setTimeout', 'setInterval', 'setImmediate'],
        random: [...IDS, ...BYTES],
        clock: true,
        signalTimeout: true,
        exit: true,
      }),
      'no-console': 'error',
      eqeqeq: 'error',
      'no-regex-spaces': 'off',
      // A promise that nobody waits for hides its error; `void` says that it was meant.
      '@typescript-eslint/no-floating-promises': 'error',
      // A rejection must reach the `catch` that stands around it.
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      // Node strips types without looking elsewhere: what only types need has to say so.
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      // A new member of a union must not fall through unseen.
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: false },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true, allowNever: true },
      ],
      // Off, for these find habits of ours rather than mistakes. A port promises to be asynchronous whether or
      // not an implementation waits; objects here are closures, with no `this` to lose; an assertion or a
      // union too many does no harm.
      '@typescript-eslint/require-await': 'off',
      // JSON of others is `unknown` here, and shown as it is.
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
      '@typescript-eslint/no-redundant-type-constituents': 'off',
    },
  },
  {
    files: [SYSTEM],
    rules: keepOut({ exit: true }),
  },
  {
    files: TURN_TAKERS,
    rules: keepOut({
      timers: ['setTimeout', 'setInterval'],
      random: [...IDS, ...BYTES],
      clock: true,
      signalTimeout: true,
      exit: true,
    }),
  },
  {
    files: PROGRAMS,
    rules: {
      ...keepOut({
        timers: ['setTimeout', 'setInterval', 'setImmediate'],
        random: [...IDS, ...BYTES],
        clock: true,
        signalTimeout: true,
      }),
      'no-console': 'off',
    },
  },
  {
    files: TOOLS,
    rules: { ...keepOut({ exit: true }), 'no-console': 'off' },
  },
  {
    files: TESTS,
    rules: {
      // No sleeps. A ceiling, a turn of the event loop and bytes to fill a stream with are no sleeps.
      ...keepOut({ timers: ['setTimeout', 'setInterval'], random: IDS, clock: true, exit: true }),
      // To say what was skipped.
      'no-console': ['error', { allow: ['warn'] }],
      // A test looks into answers of any shape and throws anything at the code; its expectations are the check.
      '@typescript-eslint/no-explicit-any': 'off',
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/only-throw-error': 'off',
      '@typescript-eslint/restrict-plus-operands': 'off',
      '@typescript-eslint/restrict-template-expressions': 'off',
    },
  },
)
