// One cluster at a time: it has most of the machine.
export default {
  extensions: ['ts'],
  files: ['test/cluster/**/*.test.ts'],
  timeout: '20m',
  concurrency: 1,
};
