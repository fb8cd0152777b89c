import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { execa } from 'execa';
import { executable } from '../lab/cni.ts';
import { openLab, systemPath } from '../lab/namespaces.ts';

/** Calls the tool as a person does, in no namespace in particular: nothing here looks at the host. */
function type(...words: string[]) {
  return execa(executable, words, { env: { PATH: systemPath }, extendEnv: false, reject: false });
}

const commands = ['doctor', 'repair', 'leases', 'release', 'explain', 'init', 'install', 'completion', 'man'];

test.serial('without words it says what it is, on standard error', async (t) => {
  const { exitCode, stdout, stderr } = await type();
  t.is(exitCode, 0);
  t.is(stdout, '');
  t.regex(
    stderr,
    /^CNI plugin dualstack \d+\.\d+\.\d+\nCNI protocol versions supported: 0\.1\.0, .*1\.1\.0\n/,
  );
});

for (const words of [['--help'], ['help'], ...commands.map((name) => [name, '--help'])]) {
  test.serial(`${words.join(' ')} fits 80 columns`, async (t) => {
    const { exitCode, stdout } = await type(...words);
    t.is(exitCode, 0);
    t.regex(stdout, /^Usage: dualstack/);
    t.deepEqual(
      stdout.split('\n').filter((line) => line.length > 80),
      [],
    );
  });
}

test.serial('every command has examples in its help', async (t) => {
  for (const name of commands) t.regex((await type(name, '--help')).stdout, /^Examples:\n {2}\S/m);
});

test.serial('--version names the program and the versions of CNI', async (t) => {
  const { exitCode, stdout } = await type('--version');
  t.is(exitCode, 0);
  t.regex(stdout, /^dualstack \d+\.\d+\.\d+\nCNI protocol versions: 0\.1\.0, .*1\.1\.0$/);
});

const slips: [string[], RegExp][] = [
  [['lease'], /unknown command 'lease'\n\(Did you mean leases\?\)/],
  [['instal'], /unknown command 'instal'\n\(Did you mean install\?\)/],
  [['leases', '--netwrok', 'pods'], /unknown option '--netwrok'\n\(Did you mean --network\?\)/],
  [['init', '--pod-cidrs', '10.0.0.0/8'], /unknown option '--pod-cidrs'\n\(Did you mean --pod-cidr\?\)/],
  [['completion', 'tcsh'], /Allowed choices are bash, zsh, fish/],
  [['completion'], /missing required argument 'shell'/],
  [['leases', '--network'], /option '--network <name>' argument missing/],
];

for (const [words, expected] of slips) {
  test.serial(`${words.join(' ')} is answered with what was probably meant`, async (t) => {
    const { exitCode, stdout, stderr } = await type(...words);
    t.is(exitCode, 64);
    t.is(stdout, '');
    t.regex(stderr, expected);
    t.regex(stderr, /\(see "dualstack.* --help"\)/);
  });
}

/** Runs the tool on a terminal of 80 columns (script(1)). */
function onTerminal(env: Record<string, string>, ...words: string[]) {
  const command = ['stty cols 80;', executable, ...words].join(' ');
  return execa('script', ['-qec', command, '/dev/null'], {
    env: { PATH: systemPath, TERM: 'xterm', ...env },
    extendEnv: false,
  });
}

test.serial('colours are for terminals, and not for those who set NO_COLOR', async (t) => {
  t.true((await onTerminal({}, '--help')).stdout.includes('\x1b[1m'));
  t.false((await onTerminal({ NO_COLOR: '1' }, '--help')).stdout.includes('\x1b['));
  t.false((await onTerminal({ TERM: 'dumb' }, '--help')).stdout.includes('\x1b['));
  t.false((await type('--help')).stdout.includes('\x1b['));
});

const questions: [string, string, string][] = [
  ['bash', 'lea', 'leases'],
  ['zsh', 'lea', 'leases'],
  ['fish', 'lea', 'leases'],
];

/** What a shell offers after `dualstack <words>`. */
async function offered(shell: string, script: string, ...words: string[]): Promise<string> {
  const line = ['dualstack', ...words].join(' ');
  const programs: Record<string, string[]> = {
    bash: [
      '--norc',
      '-c',
      `source ${script}; COMP_WORDS=(${line.replaceAll(/ $/g, " ''")}); COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)); _dualstack; printf '%s\\n' "\${COMPREPLY[@]}"`,
    ],
    zsh: [
      '-fc',
      `compdef() { :; }; _describe() { print -l -- "\${choices[@]%%:*}"; }; words=(${line}); CURRENT=\${#words}; source ${script}; _dualstack`,
    ],
    fish: ['--no-config', '-c', `source ${script}; complete -C '${line}'`],
  };
  return (await execa(shell, programs[shell] ?? [], { env: { PATH: systemPath } })).stdout;
}

for (const [shell, start, whole] of questions) {
  test.serial(`${shell} completes commands and flags`, async (t) => {
    await using lab = await openLab();
    const script = join(lab.folder, shell);
    const { exitCode, stdout } = await type('completion', shell);
    t.is(exitCode, 0);
    await writeFile(script, stdout);
    t.regex(await offered(shell, script, start), new RegExp(`^${whole}\\b`, 'm'));
    const flags = await offered(shell, script, 'init', '--pod');
    t.regex(flags, /^--pod-cidr\b/m);
    t.notRegex(flags, /^--network\b/m);
    t.regex(await offered(shell, script, 'completion', 'f'), /^fish\b/m);
  });
}
