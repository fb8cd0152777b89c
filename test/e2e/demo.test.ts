import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { traces } from '../lab/install.ts';
import { type Machine, startMachine } from '../lab/machine.ts';

const main = join(import.meta.dirname, '../demo/main.ts');

/** `npm run demo`, once all is installed. */
function play(machine: Machine, ...args: string[]) {
  const [enter = '', ...target] = machine.entry;
  const env = { TMPDIR: machine.folder, FORCE_COLOR: undefined };
  return execa(enter, [...target, process.execPath, main, ...args], { env, reject: false });
}

/** What nsenter has started: ended alone, for an orphan in a container may find nobody to be buried by. */
async function onlyChild(pid: number): Promise<number> {
  return Number.parseInt(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10);
}

async function leftovers(machine: Machine): Promise<string[]> {
  return [...(await traces(machine)), ...(await readdir(machine.folder))];
}

for (const [args, firstOfPods] of [
  [[], /^ {2}web-0 +10\.244\.1\.2 +fd00:10:244:1::2 /m],
  [['--node-ip', '2001:db8::10,192.0.2.10'], /^ {2}web-0 +fd00:10:244:1::2 +10\.244\.1\.2 /m],
  [['--node-ip', 'fd00::7'], /^ {2}web-0 +fd00:10:244:1::2 +10\.244\.1\.2 /m],
] as [string[], RegExp][]) {
  test.serial(
    `the demo shows both families, in order, and leaves nothing: ${args.join(' ') || 'no option'}`,
    async (t) => {
      const machine = await startMachine();
      t.teardown(machine.stop);
      const { exitCode, stdout, stderr } = await play(machine, ...args);
      t.deepEqual([exitCode, stderr], [0, ''], stdout);
      t.regex(stdout, firstOfPods);
      t.is(stdout.match(/^ {2}\S+ → \S+ +IPv[46] +✔ .* ms +✔ +✔ /gm)?.length, 10, stdout);
      t.notRegex(stdout, /\p{Cc}(?<!\n)/u);
      t.true(stdout.split('\n').every((line) => line.length <= 80));
      t.deepEqual(await leftovers(machine), []);
    },
  );
}

test.serial('the demo ends on Ctrl-C, and leaves nothing', async (t) => {
  const machine = await startMachine();
  t.teardown(machine.stop);
  const played = play(machine);
  const packets = new Promise<void>((resolve) => {
    played.stdout.on('data', (text: Buffer) => text.includes('web-0 → web-1') && resolve());
  });
  await Promise.race([packets, played]);
  process.kill(await onlyChild(played.pid ?? 0), 'SIGINT');
  const { exitCode, stdout } = await played;
  t.is(exitCode, 130);
  t.regex(stdout, /Interrupted\. Everything that the demo made is removed\.$/);
  t.deepEqual(await leftovers(machine), []);
});

test.serial('the demo says what failed, and leaves nothing', async (t) => {
  const machine = await startMachine();
  t.teardown(machine.stop);
  await machine.run('mount', ['--bind', '/bin/false', '/usr/sbin/nft']);
  const { exitCode, stdout, stderr } = await play(machine);
  t.deepEqual([exitCode, stderr], [1, '']);
  t.regex(stdout, /The demo failed: .*nft/);
  t.notRegex(stdout, / at .*\.ts:/);
  t.deepEqual(await leftovers(machine), []);
});

for (const [args, complaint] of [
  [['--node-ips', 'x'], /^There is no option --node-ips: did you mean --node-ip\?$/m],
  [['--node-ip', 'x'], /^--node-ip: "x" is no IP address\.$/m],
  [['--node-ip', '10.0.0.1,10.0.0.2'], /^--node-ip takes one address, or one of each family/m],
  [['--node-ip'], /^--node-ip needs an address/m],
  [['--node-ip', '::1'], /^--node-ip: a node cannot have ::1\.$/m],
  [['--node-ip', '10.244.1.9'], /^--node-ip: 10\.244\.1\.9 is somebody else's/m],
  [['now'], /^The demo takes no argument "now"\.$/m],
] as [string[], RegExp][]) {
  test.serial(`the demo refuses ${args.join(' ')}`, async (t) => {
    const { exitCode, stdout, stderr } = await execa(process.execPath, [main, ...args], { reject: false });
    t.deepEqual([exitCode, stdout], [1, '']);
    t.regex(stderr, complaint);
  });
}

test.serial('the demo explains itself', async (t) => {
  const { stdout } = await execa(process.execPath, [main, '--help']);
  t.regex(stdout, /^Usage: npm run demo .*--node-ip 2001:db8::10,192\.0\.2\.10/s);
});
