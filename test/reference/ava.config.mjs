// The reference plugins' own tests, built for the occasion from their Go module.
export default {
  extensions: ['ts'],
  files: ['test/reference/**/*.test.ts'],
  timeout: '20m',
  concurrency: 1,
  serial: true,
};
