import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // A generous ceiling for a loaded machine; no test waits for time to pass.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ['test/support/patient-waits.ts'],
    // Threads share one process: `node:sqlite`, TLS and child processes want their own.
    pool: 'forks',
    // All cores, not all but one: on two, that is twice as fast.
    maxWorkers: '100%',
    // What a test starts finds no container engine by itself: those of engines look for one where the machine says.
    env: {
      DOCKER_HOST: 'unix:///nonexistent/docker.sock',
      TEST_DOCKER_HOST: process.env['DOCKER_HOST'] ?? '',
    },
    execArgv: ['--disable-warning=ExperimentalWarning'],
  },
})
