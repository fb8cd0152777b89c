import { chmod, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { cpus } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { callVariables, installLauncher, launch } from '../lab/launcher.ts';
import { openLab } from '../lab/namespaces.ts';
import { until } from '../lab/until.ts';

/** Long enough for nothing to be in time because the machine is fast. */
const never = 600_000;

/** How a program may end, and what the runtime gets. */
const endings: readonly [string, Parameters<typeof installLauncher>[1], number, RegExp][] = [
  ['with a result', 'echo "{$(cat)}"', 0, /^\{input\}$/],
  ['with an error', 'echo "{}"; exit 1', 1, /^\{\}$/],
  ['with nothing to say', 'exit 0', 0, /^$/],
  ['with a large result', 'echo "{"; head -c 3000000 /dev/zero | tr "\\0" x', 0, /^\{\nx{3000000}$/],
  ['by a signal', 'kill -SEGV $$', 1, /"code":104,"msg":"the call crashed, by signal 11"/],
  ['by SIGKILL', 'kill -KILL $$', 1, /"code":11,"msg":"the call was killed"/],
  ['by a signal, after a part of a result', 'echo "{"; kill -ABRT $$', 1, /^\{"cniVersion".*by signal 6"/],
  ['with noise', 'echo noise; exit 0', 1, /"msg":"the call ended without an answer, with status 0"/],
  ['with another status', 'echo "{}"; exit 9', 1, /"code":104,.*with status 9"/],
  ['with an error that it does not say', 'exit 1', 1, /"code":104,.*with status 1"/],
  ['before it begins: it is missing', undefined, 1, /"code":5,"msg":"start dualstack-main: No such file/],
  ['before it begins: it is a folder', mkdir, 1, /"code":5,"msg":"start dualstack-main: Permission denied/],
  [
    'before it begins: it is not executable',
    (path) => writeFile(path, '', { mode: 0o644 }),
    1,
    /"code":5,"msg":"start dualstack-main: Permission denied/,
  ],
  [
    'before it begins: it is no program',
    (path) => writeFile(path, 'text', { mode: 0o755 }),
    1,
    /"code":5,"msg":"start dualstack-main: Exec format error/,
  ],
  [
    'before it begins: it was copied in part',
    async (path) => {
      await writeFile(path, await readFile(process.execPath), { mode: 0o755 });
      await truncate(path, 1_000_000);
    },
    1,
    /"code":(?:5|104),"msg":/,
  ],
];

for (const [how, program, status, output] of endings) {
  test(`a program that ends ${how}`, async (t) => {
    await using lab = await openLab();
    const { exitCode, stdout } = await launch([await installLauncher(lab.folder, program)]);
    t.is(exitCode, status);
    t.regex(`${stdout}`, output);
    if (`${stdout}`.includes('cniVersion')) t.notThrows(() => JSON.parse(`${stdout}`));
  });
}

/** Nobody may have waited for it: then it has no command line any more. */
function untilEnded(pid: string): Promise<void> {
  return until(`the end of process ${pid}`, async () => {
    const words = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    if (words !== '') throw new Error('not yet');
  });
}

test('a program that does not end is ended, and answered for', async (t) => {
  await using lab = await openLab();
  const times = { deadline: 500, patience: never, turn: 100 };
  const launcher = await installLauncher(lab.folder, `echo $$ > ${lab.folder}/pid; exec sleep 1000`, times);
  const { exitCode, stdout } = await launch([launcher]);
  t.is(exitCode, 1);
  t.regex(`${stdout}`, /"code":11,"msg":"the call did not end in time"/);
  await untilEnded((await readFile(join(lab.folder, 'pid'), 'utf8')).trim());
});

test('the program ends with who started it', async (t) => {
  await using lab = await openLab();
  const launcher = await installLauncher(lab.folder, `echo $$ > ${lab.folder}/pid; exec sleep 1000`);
  const running = launch([launcher]);
  const pid = await until('the start of the program', async () => {
    const text = (await readFile(join(lab.folder, 'pid'), 'utf8')).trim();
    if (text === '') throw new Error('not yet');
    return text;
  });
  running.kill('SIGKILL');
  await running;
  await untilEnded(pid);
  t.pass();
});

/** How a runtime may start it: words before it, and what its program, which answers `{}`, comes to. */
const starts: readonly [string, readonly string[], RegExp][] = [
  ['its standard input is closed', ['sh', '-c', 'exec "$0" <&-'], /^\{\}$/],
  ['its standard error is closed', ['sh', '-c', 'exec "$0" 2>&-'], /^\{\}$/],
  ['all but its standard output is closed', ['sh', '-c', 'exec "$0" <&- 2>&-'], /^\{\}$/],
  ['its standard output does not block', ['sh', '-c', '"$0" | cat'], /^\{\}$/],
  ['signals are ignored', ['sh', '-c', 'trap "" CHLD PIPE ALRM TERM; exec "$0"'], /^\{\}$/],
  [
    'it may open no file',
    ['prlimit', '--nofile=3', '--'],
    /"code":5,"msg":"[^"]*(?:Too many open files|No file desc)/,
  ],
  [
    'it may start no process',
    ['setpriv', '--reuid=12345', '--clear-groups', 'prlimit', '--nproc=0', '--'],
    /"code":5,/,
  ],
  ['another user calls it', ['setpriv', '--reuid=12345', '--clear-groups'], /^\{\}$/],
  ['it is found by a link', ['sh', '-c', 'ln -s "$0" "$0-ipam"; exec "$0-ipam"'], /^\{\}$/],
  ['it is removed meanwhile', ['sh', '-c', 'exec 9<"$0"; rm "$0"; exec /proc/self/fd/9'], /^\{\}$/],
];

for (const [how, words, output] of starts) {
  test(`a call is answered when ${how}`, async (t) => {
    await using lab = await openLab();
    await chmod(lab.folder, 0o755);
    const launcher = await installLauncher(lab.folder, 'echo "{}"');
    const { stdout } = await launch([...words, launcher]);
    t.regex(`${stdout}`, output);
  });
}

test('a call is answered in a root that has neither /proc nor /dev', async (t) => {
  await using lab = await openLab();
  await installLauncher(lab.folder, 'echo "{}"');
  const { exitCode, stdout } = await launch(['chroot', lab.folder, '/dualstack']);
  t.is(exitCode, 1);
  t.regex(`${stdout}`, /"code":5,"msg":"find dualstack-main: No such file or directory"/);
});

test('an environment that is too large for the program is answered for', async (t) => {
  await using lab = await openLab();
  const launcher = await installLauncher(lab.folder, 'echo "{}"');
  const large = Object.fromEntries(Array.from({ length: 15 }, (_, n) => [`CNI_${n}`, 'x'.repeat(130_000)]));
  const { stdout } = await launch([launcher], { env: { ...callVariables, ...large } });
  t.regex(`${stdout}`, /^\{\}$|"msg":"start dualstack-main: Argument list too long"/);
});

test('who does not read the answer has no result', async (t) => {
  await using lab = await openLab();
  const launcher = await installLauncher(lab.folder, 'sleep 0.1; echo "{}"');
  const shell = ['bash', '-c', 'set -o pipefail; "$0" | true || echo "status $?"', launcher];
  t.is((await launch(shell)).stdout, 'status 1');
});

test('the program gets what CNI and people name of the environment, and all words', async (t) => {
  await using lab = await openLab();
  const dropped = {
    LANG: 'x',
    LD_LIBRARY_PATH: '/x',
    NODE_X: '',
    CNI: 'x',
    XCNI_A: 'x',
    PATHS: 'x',
    TERMINFO: 'x',
    TMPDIR: '/x',
  };
  const kept = { ...callVariables, CNI_X: 'a=b', TRACEPARENT: 'x', BAGGAGE: '', TERM: 'xterm', HOME: '/' };
  const launcher = await installLauncher(lab.folder, 'echo "{$#$1"; exec env');
  const { stdout } = await launch([launcher, 'a', ''], { env: { ...kept, ...dropped } });
  const own = /^(?:PWD|_|OLDPWD|SHLVL|DUALSTACK_IN_TURN)=/;
  const [first, ...lines] = `${stdout}`.split('\n').filter((line) => !own.test(line));
  t.is(first, '{2a');
  t.deepEqual(
    lines.sort(),
    Object.entries(kept)
      .map(([name, value]) => `${name}=${value}`)
      .sort(),
  );
});

test('a person gets what the program says, and its status', async (t) => {
  await using lab = await openLab();
  const launcher = await installLauncher(lab.folder, 'echo hello; exit 2');
  const { stdout, exitCode } = await launch([launcher], { env: { PATH: callVariables.PATH } });
  t.deepEqual([stdout, exitCode], ['hello', 2]);
});

/** How many calls may begin at a time. */
const turns = 3 * cpus().length;

/** With a /run of its own, whose turns nobody else takes; it does not outlive the call. */
const ownRun = 'mount -t tmpfs -o mode=755 tmpfs /run';
const inOwnRun = (script: string) => ['unshare', '--mount', 'sh', '-c', `${ownRun}; ${script}`];

test('calls begin a few at a time, and those that are killed give their turns back', async (t) => {
  await using lab = await openLab();
  const begun = join(lab.folder, 'begun');
  await mkdir(begun);
  const times = { deadline: never, patience: never, turn: never };
  const launcher = await installLauncher(lab.folder, `: > ${begun}/$PPID; exec sleep 1000`, times);
  const count = 2 * turns;
  const script = `pids=; for n in $(seq ${count}); do "$0" & pids="$pids $!"; done
    begun() { until [ $(ls ${begun} | wc -l) -ge $1 ]; do sleep 0.05; done; }
    begun ${turns}; sleep 0.5; ls ${begun} | wc -l
    kill -9 $(ls ${begun}); begun ${count}; ls ${begun} | wc -l; kill -9 $pids`;
  const { stdout } = await launch([...inOwnRun(script), launcher]);
  t.is(stdout, `${turns}\n${count}`);
});

/** What may be in the place of the file of turns. */
const obstacles: readonly [string, string][] = [
  ['a folder', 'mkdir'],
  ['a pipe', 'mkfifo'],
  ['a link', 'ln -s /etc/passwd'],
  ["another user's file", 'install -m 666 -o 12345 /dev/null'],
  ['a file that others may lock', 'install -m 666 /dev/null'],
];

for (const [what, make] of obstacles) {
  test(`${what} in the place of the turns keeps no call from its answer`, async (t) => {
    await using lab = await openLab();
    const launcher = await installLauncher(lab.folder, 'echo "{}"', {
      deadline: never,
      patience: never,
      turn: never,
    });
    const { stdout } = await launch([...inOwnRun(`${make} /run/dualstack.lock; exec "$0"`), launcher]);
    t.is(stdout, '{}');
  });
}

test('a call begins without a turn when no one gives his back', async (t) => {
  await using lab = await openLab();
  const begun = join(lab.folder, 'begun');
  await mkdir(begun);
  const times = { deadline: never, patience: 200, turn: never };
  const launcher = await installLauncher(
    lab.folder,
    `: > ${begun}/$$; [ -e ${lab.folder}/go ] || exec sleep 1000; echo "{}"`,
    times,
  );
  const script = `pids=; for n in $(seq ${turns}); do "$0" > /dev/null & pids="$pids $!"; done
    until [ $(ls ${begun} | wc -l) -eq ${turns} ]; do sleep 0.05; done
    : > ${lab.folder}/go; "$0"; kill -9 $pids`;
  const { stdout } = await launch([...inOwnRun(script), launcher]);
  t.is(stdout, '{}');
});

test('a call that another call of ours starts does not wait for itself', async (t) => {
  await using lab = await openLab();
  const times = { deadline: never, patience: never, turn: never };
  const inner = await installLauncher(join(lab.folder, 'inner'), 'echo "{}"', times);
  const outer = await installLauncher(lab.folder, `exec ${inner}`, times);
  const script = `for n in $(seq ${2 * turns}); do "$0" & done; wait`;
  const { stdout } = await launch([...inOwnRun(script), outer]);
  t.is(
    stdout,
    Array(2 * turns)
      .fill('{}')
      .join('\n'),
  );
});
