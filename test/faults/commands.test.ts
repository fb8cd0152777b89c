import { basename } from 'node:path';
import test from 'ava';
import { failed, type Outcome, released, succeeded } from '../lab/cni.ts';
import { complaint, onlyCommands, StandIns, type Start } from '../lab/stand-ins.ts';
import { readTrace } from '../lab/strace.ts';
import { commands, Scene, type Verb } from './scene.ts';

const verbs = ['ADD', 'DEL', 'GC'] as const;

/** Without these a call of the verb may warn, and go on: a broken tool keeps no pod in Terminating. */
const dispensable: Readonly<Record<Verb, readonly string[]>> = {
  ADD: ['conntrack', 'tc'],
  DEL: ['conntrack', 'nft'],
  GC: ['conntrack', 'nft'],
};

function isForgiven(verb: Verb, command: string, { status }: Outcome): boolean {
  return status === 0 && dispensable[verb].includes(command);
}

/** What a verb starts, once for each start. */
async function startsOf(verb: Verb): Promise<Start[]> {
  await using scene = await Scene.open(verb);
  const standIns = await StandIns.make(scene.file('stand-ins'), commands);
  succeeded(await scene.call(verb, {}, { env: { PATH: standIns.path } }));
  return standIns.starts();
}

/** The programs that a verb needs, with those that its commands start themselves. */
async function programsOf(verb: Verb): Promise<string[]> {
  await using scene = await Scene.open(verb);
  const trace = scene.file('execve.trace');
  const under = ['strace', '-f', '-o', trace, '-e', 'trace=execve', '-e', 'status=successful', '--'];
  succeeded(await scene.call(verb, {}, { under }));
  const paths = [...(await readTrace(trace)).matchAll(/execve\("([^"]+)"/g)].map(([, path = '']) => path);
  return [...new Set(paths.filter((path) => !released.includes(path)).map((path) => basename(path)))];
}

/** After an ADD nothing is left; DEL and GC may have to be called again, and then nothing is left either. */
async function expectRecovery(scene: Scene, verb: Verb, { status }: Outcome): Promise<void> {
  if (verb !== 'ADD') succeeded(await scene.call(verb));
  else if (status === 0) succeeded(await scene.call('DEL'));
  await scene.expectClean();
  await scene.again();
}

async function misbehave(verb: Verb, start: Start, kind: 'fail' | 'hang'): Promise<Outcome> {
  await using scene = await Scene.open(verb);
  const standIns = await StandIns.make(scene.file('stand-ins'), commands);
  await standIns.reset(start, { kind });
  const outcome = await scene.call(verb, {}, { env: { PATH: standIns.path } });
  await scene.quiet();
  await expectRecovery(scene, verb, outcome);
  return outcome;
}

for (const verb of verbs) {
  test(`${verb}: each command fails in turn, and nothing is left`, async (t) => {
    const starts = await startsOf(verb);
    for (const start of starts) {
      const outcome = await misbehave(verb, start, 'fail');
      if (isForgiven(verb, start.command, outcome)) {
        t.regex(outcome.stderr, new RegExp(start.command));
        continue;
      }
      const error = failed(outcome);
      t.true([5, 102].includes(error.code), `${start.command} ${start.nth}: ${error.msg}`);
      t.regex(JSON.stringify(error), new RegExp(`${start.command}.*${complaint}`));
    }
    t.true(starts.length > 0);
  });
}

test('each command hangs in turn: code 11 past the deadline, and nothing is left', async (t) => {
  const hangs = await Promise.all(
    verbs.map(async (verb) => (await startsOf(verb)).map((start) => ({ verb, start }))),
  );
  const outcomes = hangs.flat().map(async ({ verb, start }) => {
    const outcome = await misbehave(verb, start, 'hang');
    if (isForgiven(verb, start.command, outcome)) {
      t.regex(outcome.stderr, new RegExp(`${start.command}: no answer within 10 s`));
      return;
    }
    const error = failed(outcome);
    t.is(error.code, 11, `${verb}, ${start.command} ${start.nth}: ${error.msg}`);
    t.regex(error.msg, new RegExp(`${start.command}: no answer within 10 s`));
  });
  await Promise.all(outcomes);
});

test('a call that waited for its input has the deadline of its commands yet', async (t) => {
  await using scene = await Scene.open('ADD');
  const standIns = await StandIns.make(scene.file('stand-ins'), commands);
  await standIns.reset({ command: 'nft', nth: 1 }, { kind: 'hang' });
  const under = ['timeout', '60', 'sh', '-c', '(sleep 5; cat) | "$0"'];
  const error = failed(await scene.call('ADD', {}, { under, env: { PATH: standIns.path } }));
  t.is(error.code, 11);
  await scene.expectClean();
});

for (const verb of verbs) {
  test(`${verb}: each program is missing in turn, and nothing is left`, async (t) => {
    const programs = await programsOf(verb);
    for (const program of programs) {
      await using scene = await Scene.open(verb);
      const others = [...programs, 'strace'].filter((name) => name !== program);
      const PATH = await onlyCommands(scene.file('bin'), others);
      const outcome = await scene.call(verb, {}, { env: { PATH } });
      if (isForgiven(verb, program, outcome))
        t.regex(outcome.stderr, new RegExp(`${program}: no such command`));
      else {
        const error = failed(outcome);
        t.true([5, 102].includes(error.code), error.msg);
        t.regex(
          JSON.stringify(error),
          new RegExp(`${program}: no such command|failed to execute ${program}`),
        );
      }
      await expectRecovery(scene, verb, outcome);
    }
    t.true(programs.length > 0);
  });
}
