import { buildCluster } from './tools.ts';

try {
  await buildCluster();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
