// Real namespaces and runtimes: each test makes its own and removes them.
export default {
  extensions: ['ts'],
  files: ['test/e2e/**/*.test.ts'],
  timeout: '3m',
  concurrency: 2,
  serial: true,
};
