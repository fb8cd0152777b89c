// Real namespaces and runtimes: each test makes its own and removes them.
export default {
  extensions: { ts: 'module' },
  files: ['test/e2e/**/*.test.ts'],
  timeout: '3m',
  concurrency: 2,
};
