// The clients that users have, built for the occasion: one file at a time, for each starts a container runtime.
export default {
  extensions: ['ts'],
  files: ['test/runtimes/**/*.test.ts'],
  // One of the tests is the whole main suite, in a container.
  timeout: '20m',
  concurrency: 1,
};
