/**
 * Who may import whom. Arrows point down:
 *
 *     main, cli → node → components → fabric, rear, trace → kernel → objects, quantity
 *
 * Types count as imports. Tests may reach for anything except another component's inside.
 */
const COMPONENTS = [
  'service-handler',
  'node-orchestrator',
  'local-resource-manager',
  'available-resources',
  'ratings-and-metrics',
  'rear-manager',
  'spending',
  'discovery-manager',
  'peering-candidates',
  'contract-manager',
  'network-manager',
  'virtual-fabric-manager',
  'telemetry',
  'privacy-and-security-manager',
].join('|')
/** Folders that are used through their index.ts. */
const WITH_DOOR = `${COMPONENTS}|flavor-index`

/** Tests stand beside the code; what only they import is under test/support. */
const TESTS = '[.]test[.]ts$'

/** Makes nodes out of components; the only files that know all of them. */
const COMPOSITION_ROOT = '^src/(main[.]ts$|node/)'

/** A folder may import itself, what stands here, and packages. */
function only(folder, comment, ...allowed) {
  return {
    name: `${folder.replaceAll('/', '-')}-imports-only`,
    severity: 'error',
    comment,
    from: { path: `^src/${folder}/`, pathNot: TESTS },
    to: {
      path: '^(src|test|bench|scripts)/',
      pathNot: [folder, ...allowed].map((name) => `^src/${name}(/|$)`),
    },
  }
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycle',
      severity: 'error',
      comment:
        'Files that need each other cannot be understood, tested or loaded one without the other. A cycle of ' +
        'types alone does no harm when the program runs; break others by moving what both need into a third file.',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'resolvable',
      severity: 'error',
      comment: 'An import that leads nowhere fails when the program starts.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'declared',
      severity: 'error',
      comment:
        'A package that package.json does not name is here by luck, and goes with the package that brought it; ' +
        'one for development is not installed where the node runs.',
      from: { path: '^src/', pathNot: TESTS },
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown', 'npm-dev'] },
    },

    only('quantity', 'Exact arithmetic, of use without the rest of the program.'),
    only('objects', 'Schemas and pure helpers: everybody imports them, so they must drag nothing along.'),
    only('kernel', 'Under every component, so it must not know any.', 'objects', 'quantity'),
    only(
      'store',
      'A store stores objects; it knows their envelope and not what they mean.',
      'kernel',
      'objects',
    ),
    only('trace', 'Every component reports here, so it must not know any.', 'kernel', 'objects'),
    only(
      'rear',
      'The protocol, without what the node does on a message: those who answer register their routes.',
      'kernel',
      'objects',
      'quantity',
    ),
    only(
      'flavor-index',
      'Finds flavors; what they are listed for, and to whom, is for those who keep a table.',
      'kernel',
      'objects',
      'quantity',
      'rear',
    ),
    only(
      'api',
      'Serves whatever is in a store to users; what the objects lead to is the controllers’ affair.',
      'kernel',
      'objects',
      'quantity',
    ),
    only(
      'fabric',
      'A fabric is told what to run by objects and by its port, not by the components that use it.',
      'kernel',
      'objects',
      'quantity',
      'rear',
    ),
    only(
      'config',
      'What the operator writes, checked; the composition root carries it to the components.',
      'kernel',
      'objects',
      'quantity',
    ),

    {
      name: 'component-door',
      severity: 'error',
      comment: 'A component is used through its index.ts; its inside changes without asking anybody.',
      from: { path: '^src/([^/]+)/' },
      to: { path: `^src/(${WITH_DOOR})/.+`, pathNot: ['^src/$1/', `^src/(${WITH_DOOR})/index[.]ts$`] },
    },
    {
      name: 'component-door-from-root',
      severity: 'error',
      comment: 'The composition root and the tests across components use the doors too.',
      from: { path: '^(src/[^/]+[.]ts$|test/|bench/|scripts/)' },
      to: { path: `^src/(${WITH_DOOR})/.+`, pathNot: `^src/(${WITH_DOOR})/index[.]ts$` },
    },
    {
      name: 'components-below-cli-and-api',
      severity: 'error',
      comment:
        'A component works the same whoever started it and however it is looked at; the command line ' +
        'and the control API know components at most, never the other way round.',
      from: { path: `^src/(${COMPONENTS})/`, pathNot: TESTS },
      to: { path: '^src/(cli|api)/' },
    },
    {
      name: 'stores-behind-their-port',
      severity: 'error',
      comment:
        'No code above the store port may ask which store it has: only the composition root, the command line ' +
        'and tests make one.',
      from: { path: '^src/', pathNot: ['^src/store/', COMPOSITION_ROOT, '^src/cli/', TESTS] },
      to: { path: '^src/store/' },
    },
    {
      name: 'fabrics-behind-their-port',
      severity: 'error',
      comment:
        'Components know src/fabric/fabric.ts; which fabric there is, only the composition root knows.',
      from: {
        path: '^src/',
        pathNot: ['^src/fabric/([^/]+)/', COMPOSITION_ROOT, '^src/cli/', TESTS],
      },
      to: { path: '^src/fabric/[^/]+/' },
    },
    {
      name: 'main-is-nobodys',
      severity: 'error',
      comment: 'It runs when it is imported.',
      from: {},
      to: { path: '^src/main[.]ts$' },
    },
    {
      name: 'composition-root-on-top',
      severity: 'error',
      comment:
        'The composition root knows everything; who imports it does too. Components get what they need from ' +
        'src/node-base.ts and by name.',
      from: { path: '^src/', pathNot: [COMPOSITION_ROOT, '^src/cli/', TESTS] },
      to: { path: '^src/node/' },
    },
    {
      name: 'cli-on-top',
      severity: 'error',
      comment: 'The command line is a client of the rest.',
      from: { path: '^src/', pathNot: ['^src/main[.]ts$', '^src/cli/'] },
      to: { path: '^src/cli/' },
    },

    {
      name: 'sqlite-in-one-file',
      severity: 'error',
      comment: 'node:sqlite is still called experimental: when it changes, one file does.',
      from: { path: '^src/', pathNot: ['^src/store/sqlite/database[.]ts$', TESTS] },
      to: { path: '^(node:)?sqlite$' },
    },
    {
      name: 'network-in-few-places',
      severity: 'error',
      comment:
        'The network is passed in, so that a market of nodes runs on a simulated one: only transports, ' +
        'what searches the local network, the streams of virtual routers, the fabric’s probes, the search for neighbours, the control API and its ' +
        'clients open sockets.',
      from: {
        path: '^src/',
        pathNot: [
          '^src/rear/transport/',
          '^src/discovery-manager/(bonjour-services|multicast-socket)[.]ts$',
          '^src/network-manager/',
          '^src/fabric/embedded/',
          '^src/discovery-manager/(multicast-socket|bonjour-services)[.]ts$',
          '^src/api/',
          '^src/cli/',
          TESTS,
        ],
      },
      to: { path: '^(node:)?(http|https|http2|tls|net|dgram|dns|dns/promises)$|(^|/)node_modules/undici/' },
    },
    {
      name: 'no-tests-in-the-program',
      severity: 'error',
      comment: 'What tests need is not shipped.',
      from: { path: '^src/', pathNot: TESTS },
      to: { path: `^(test|bench|scripts)/|${TESTS}` },
    },
    {
      name: 'no-vitest-in-the-program',
      severity: 'error',
      comment: 'A file that imports the test runner is a test and must be named like one.',
      from: { path: '^src/', pathNot: TESTS },
      to: { path: '(^|/)node_modules/(vitest|fast-check)/' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports that only types need count as well.
    tsPreCompilationDeps: true,
    detectProcessBuiltinModuleCalls: true,
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'node', 'default'],
      extensions: ['.ts', '.js', '.json'],
    },
  },
}
