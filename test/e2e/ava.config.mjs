// Real namespaces and runtimes: each test makes its own and removes them. Two files at a time, of each one test at a
// time (`test.serial`), for most of them wait more than they work; `serial` here would have one file at a time.
export default {
  extensions: ['ts'],
  files: ['test/e2e/**/*.test.ts'],
  timeout: '3m',
  concurrency: 2,
};
