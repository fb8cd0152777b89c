import { buildTools } from './go.ts';

try {
  await buildTools();
} catch (error) {
  console.error((error as Error).message);
  process.exitCode = 1;
}
