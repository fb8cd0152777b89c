// Hundreds of calls that are killed or starved: heavier than the main suite, and apart from it. One test is hundreds
// of them, so the time limit is for a machine that is busy.
export default {
  extensions: ['ts'],
  files: ['test/faults/**/*.test.ts'],
  timeout: '40m',
  concurrency: 1,
  serial: true,
};
