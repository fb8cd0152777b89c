import { run } from '../netns/exec.ts';
import { answer } from './protocol.ts';
import { readStandardInput, write } from './streams.ts';
import { supportedVersions } from './version.ts';

/** Put in by the build. */
const version = process.env['DUALSTACK_VERSION'];

function about(): string {
  return `CNI plugin dualstack ${version}\nCNI protocol versions supported: ${supportedVersions.join(', ')}\n`;
}

/** The executable's entry: a runtime's call has CNI_COMMAND set, a person's has not. */
async function main(): Promise<void> {
  const command = process.env['CNI_COMMAND'];
  if (!command) {
    write(2, about());
    return;
  }
  const { output, status } = await answer(command, {
    environment: process.env,
    readInput: readStandardInput,
    run,
    warn: (sentence) => write(2, `dualstack: ${sentence}\n`),
  });
  write(1, output);
  process.exitCode = status;
}

main();
