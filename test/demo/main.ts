/** `npm run demo`: shows on this machine, in a few seconds, what the plugin does for pods. */
import { holdSignals, Interrupted } from './interruption.ts';
import { type Options, parseOptions, UsageError, usage } from './options.ts';
import { Screen } from './screen.ts';
import { sentence } from './sentence.ts';
import { tell } from './story.ts';

const screen = new Screen(process.stdout);

/** @returns the exit status. */
function conclude(isGood: boolean): number {
  const verdict = isGood
    ? screen.style('green', 'Both families work in every direction, and nothing is left.')
    : screen.style('red', 'Not every packet arrived as it should: see above. Nothing is left.');
  screen.say(`\n  ${verdict}`);
  return isGood ? 0 : 1;
}

/** @returns the exit status. */
function explain(error: unknown): number {
  if (error instanceof Interrupted) {
    screen.say('\n  Interrupted. Everything that the demo made is removed.');
    return error.exitStatus;
  }
  screen.say(`\n  ${screen.style('red', 'The demo failed:')} ${sentence(error)}`);
  screen.say('  Everything that it made is removed.');
  return 1;
}

async function play({ nodeIPs }: Options): Promise<number> {
  const { goOn, interruption } = holdSignals();
  screen.say();
  screen.say(`  ${screen.style('bold', 'dualstack: both families for every pod, in the order of its node')}`);
  screen.say();
  try {
    return conclude(await tell({ screen, goOn }, nodeIPs));
  } catch (error) {
    return explain(interruption() ?? error);
  }
}

function understand(args: readonly string[]): Options | undefined {
  try {
    return parseOptions(args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    console.error(`${error.message}\nTry: npm run demo -- --help`);
    return undefined;
  }
}

const options = understand(process.argv.slice(2));
if (!options) process.exitCode = 1;
else if (options.help) screen.say(usage);
else process.exitCode = await play(options);
