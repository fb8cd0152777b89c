// Hundreds of calls that are killed or starved: heavier than the main suite, and apart from it.
export default {
  extensions: ['ts'],
  files: ['test/faults/**/*.test.ts'],
  timeout: '15m',
  concurrency: 1,
  serial: true,
};
