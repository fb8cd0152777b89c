// The clients that users have, built for the occasion: one file at a time, for each starts a container runtime.
export default {
  extensions: ['ts'],
  files: ['test/runtimes/**/*.test.ts'],
  timeout: '10m',
  concurrency: 1,
};
