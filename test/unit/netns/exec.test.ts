import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Command, CommandError, run as start } from '../../../netns/process/exec.ts';
import { temporaryFolder } from '../../lab/stores.ts';
import { until } from '../../lab/until.ts';

/** A program of these words: tests may use a shell, the product does not. */
function shell(script: string, more: Partial<Command> = {}): Command {
  return { program: 'sh', args: ['-c', script], ...more };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A command that does not do its work, why, and the sentence. */
const failures: [string, Command, CommandError['outcome'], string][] = [
  [
    'missing',
    { program: 'dualstack-no-such', args: [] },
    { kind: 'missing' },
    'dualstack-no-such: no such command',
  ],
  [
    'a folder',
    { program: '/etc', args: [] },
    { kind: 'not started', errno: 'EACCES' },
    '/etc: cannot be started: EACCES',
  ],
  ['failed', shell('exit 7'), { kind: 'failed', status: 7 }, 'sh: exit status 7'],
  ['killed', shell('kill -TERM $$'), { kind: 'killed', signal: 'SIGTERM' }, 'sh: killed by SIGTERM'],
  [
    'late',
    { program: 'sleep', args: ['60'], deadline: 50 },
    { kind: 'late', milliseconds: 50 },
    'sleep: no answer within 0.05 s',
  ],
];

/** Every program can be waited for at once, or later. */
for (const beside of [false, true]) {
  const way = beside ? 'beside' : 'alone';
  const run = (command: Command) => start({ ...command, beside });

  test.serial(`${way}: its input goes in, both outputs come out`, async (t) => {
    const output = await run(shell('cat; echo ü >&2', { input: 'in\n' }));
    t.deepEqual(output, { stdout: 'in\n', stderr: 'ü\n' });
  });

  test.serial(`${way}: arguments are no words of a shell`, async (t) => {
    const args = ['%s|', '; echo', '$HOME', '`id`', 'a b', '*', ''];
    t.is((await run({ program: 'printf', args })).stdout, '; echo|$HOME|`id`|a b|*||');
  });

  test.serial(`${way}: much output, and characters that its pieces part, come whole`, async (t) => {
    const { stdout } = await run(shell('yes €€€ | head -n 100000'));
    t.is(stdout, '€€€\n'.repeat(100_000));
  });

  test.serial(`${way}: the environment is ours, or the one that is given`, async (t) => {
    t.is((await run(shell('echo "$PATH"'))).stdout, `${process.env['PATH']}\n`);
    const { stdout } = await run({ program: '/usr/bin/env', args: [], env: { A: 'b' } });
    t.is(stdout, 'A=b\n');
  });

  test.serial(`${way}: a descriptor of ours is its descriptor 3`, async (t) => {
    const path = temporaryFolder(t);
    const descriptor = openSync(path, 'r');
    const { stdout } = await run(shell('readlink /proc/self/fd/3', { descriptor }));
    closeSync(descriptor);
    t.is(stdout, `${path}\n`);
  });

  test.serial(`${way}: one that does not read its input does its work all the same`, async (t) => {
    const { stdout } = await run(shell('exec <&-; echo done', { input: 'x'.repeat(1_000_000) }));
    t.is(stdout, 'done\n');
  });

  for (const [what, command, outcome, message] of failures) {
    test.serial(`${way}: ${what}: ${message}`, async (t) => {
      const error = await t.throwsAsync(run(command), { instanceOf: CommandError });
      t.deepEqual(error.outcome, outcome);
      t.is(error.message, message);
      t.like(error.command, command);
    });
  }

  test.serial(`${way}: what it wrote before it failed is kept`, async (t) => {
    const error = await t.throwsAsync(run(shell('echo out; echo err >&2; exit 1')), {
      instanceOf: CommandError,
    });
    t.deepEqual([error.stdout, error.stderr], ['out\n', 'err\n']);
  });

  test.serial(`${way}: one that ignores every signal is killed at the deadline`, async (t) => {
    const script = "trap '' TERM INT HUP; echo $$; exec sleep 60";
    const error = await t.throwsAsync(run(shell(script, { deadline: 2000 })), { instanceOf: CommandError });
    t.is(error.outcome.kind, 'late');
    await until('its end', async () => {
      if (isAlive(Number(error.stdout))) throw new Error('it lives');
    });
  });
}

test.serial('a grandchild that keeps the pipes open does not put the deadline off', async (t) => {
  const error = await t.throwsAsync(start(shell('sleep 3 & exit 0', { deadline: 100 })), {
    instanceOf: CommandError,
  });
  t.deepEqual(error.outcome, { kind: 'late', milliseconds: 100 });
});

test.serial('beside: a grandchild is not waited for', async (t) => {
  const { stdout } = await start(shell('echo done; sleep 3 & exit 0', { beside: true, deadline: 2000 }));
  t.is(stdout, 'done\n');
});

test.serial(
  'beside: a program that writes word by word comes to its end while another one stops everything',
  async (t) => {
    const mark = join(temporaryFolder(t), 'done');
    const script = `for n in $(seq 2000); do printf 'w '; done; : >${mark}`;
    const ended = start(shell(script, { beside: true }));
    await start(shell(`until [ -e ${mark} ]; do sleep 0.01; done`));
    t.is((await ended).stdout, 'w '.repeat(2000));
  },
);
