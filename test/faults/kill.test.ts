import test from 'ava';
import { program, succeeded } from '../lab/cni.ts';
import { inParallel } from '../lab/parallel.ts';
import { type Misdeed, StandIns, type Start } from '../lab/stand-ins.ts';
import { isSame, killedAt, type Point, pointsOf, readTrace, straceArgs } from '../lab/strace.ts';
import { commands, nothingIsValid, Scene, type Verb } from './scene.ts';

/** The machine's cores, roughly: waiting for the kernel leaves room for one more. */
const width = 3;

/** One call that is killed: the plugin itself, or a command that it started, alone or together with it. */
interface Target {
  readonly verb: Verb;
  readonly victim: 'plugin' | Start;
  readonly with: 'alone' | 'plugin';
  readonly point: Point;
}

/** What brings the node back to what it was after the plugin was killed. @throws when it does not. */
const cures: Readonly<Record<string, (scene: Scene) => Promise<void>>> = {
  'DEL alone': async (scene) => {
    await scene.another();
    succeeded(await scene.call('DEL'));
    await scene.expectClean();
    await scene.again();
  },
  'GC alone': async (scene) => {
    succeeded(await scene.call('GC', nothingIsValid));
    await scene.expectClean();
  },
  'GC without a list, once the pod is gone': async (scene) => {
    await scene.end();
    succeeded(await scene.call('GC', { 'cni.dev/valid-attachments': null }));
    await scene.expectClean();
  },
};

/** A plugin that lost a command sees to it itself. A DEL or GC that could not do its work is called again. */
async function seeToItself(scene: Scene, verb: Verb, command: string): Promise<void> {
  // Without tc an ADD goes on, and leaves 127.0.0.1 closed: that pod has its DEL.
  if (verb !== 'ADD' || command === 'tc') succeeded(await scene.call(verb === 'ADD' ? 'DEL' : verb));
  await scene.expectClean();
  await scene.again();
}

/** Calls the verb with the target killed as it enters its `when`th call. @returns the trace of what was killed. */
async function callKilled(scene: Scene, target: Target, when: number): Promise<string> {
  const point = { ...target.point, when };
  if (target.victim === 'plugin') {
    const trace = scene.file('plugin.trace');
    await scene.call(
      target.verb,
      {},
      { executable: program, under: ['strace', ...straceArgs(trace, point)] },
    );
    await scene.quiet();
    return readTrace(trace);
  }
  const standIns = await StandIns.make(scene.file('stand-ins'), commands);
  const misdeed: Misdeed = { kind: 'kill', point, with: target.with };
  await standIns.reset(target.victim, misdeed);
  await scene.call(target.verb, {}, { env: { PATH: standIns.path } });
  await scene.quiet();
  return readTrace(standIns.traceOf(target.victim));
}

/** Node.js wakes its threads, by system calls, as often as it happens to: missed, it is aimed again. */
async function killAndCure(target: Target, cure: (scene: Scene) => Promise<void>): Promise<void> {
  let { when } = target.point;
  for (let tries = 0; tries < 40; tries++) {
    await using scene = await Scene.open(target.verb);
    const trace = await callKilled(scene, target, when);
    if (isSame(killedAt(trace), target.point)) return await cure(scene);
    when = pointsOf(trace).find((point) => isSame(point, target.point))?.when ?? when + 1;
  }
  throw new Error('the call never came to this point again');
}

/** What a command answers changes nothing; that it is cut off makes a difference once, however long it is. */
function isMoreOfAnswer({ text, ordinal }: Point): boolean {
  return /^write\w*\(<(?:socket|pipe|\/dev\/shm\/#)/.test(text) && ordinal > 1;
}

/** Every point of one call of the verb: of the plugin, and of each command that it starts. */
async function targetsOf(verb: Verb): Promise<Target[]> {
  await using scene = await Scene.open(verb);
  const standIns = await StandIns.make(scene.file('stand-ins'), commands);
  const trace = scene.file('plugin.trace');
  const invocation = {
    executable: program,
    under: ['strace', ...straceArgs(trace)],
    env: { PATH: standIns.path },
  };
  succeeded(await scene.call(verb, {}, invocation));
  const targets: Target[] = pointsOf(await readTrace(trace)).map((point) => ({
    verb,
    victim: 'plugin',
    with: 'alone',
    point,
  }));
  for (const victim of await standIns.starts()) {
    const points = pointsOf(await readTrace(standIns.traceOf(victim)));
    for (const point of points.filter((point) => !isMoreOfAnswer(point))) {
      targets.push({ verb, victim, with: 'alone', point }, { verb, victim, with: 'plugin', point });
    }
  }
  return targets;
}

function describe({ verb, victim, with: together, point }: Target): string {
  const who = victim === 'plugin' ? victim : `${victim.command} no. ${victim.nth}, ${together}`;
  return `${verb}, ${who} killed at ${point.text} (${point.ordinal})`;
}

/** What the plugin itself must do about it, and what others can do. */
function curesOf({ verb, victim, with: together }: Target): [string, (scene: Scene) => Promise<void>][] {
  if (victim === 'plugin' || together === 'plugin') return Object.entries(cures);
  return [['nothing', (scene) => seeToItself(scene, verb, victim.command)]];
}

for (const verb of ['ADD', 'DEL', 'GC'] as const) {
  test(`${verb} killed at any system call that changes something: nothing leaks, nothing blocks`, async (t) => {
    const targets = await targetsOf(verb);
    const kills = targets.flatMap((target) =>
      curesOf(target).map(([name, cure]) => ({ target, name, cure })),
    );
    const problems = await inParallel(kills, width, async ({ target, name, cure }) => {
      const problem = await killAndCure(target, cure).catch((error: unknown) => error);
      return problem ? [`${describe(target)}; ${name}: ${problem}`] : [];
    });
    const points = new Set(targets.map(({ victim, point }) => JSON.stringify([victim, point])));
    t.log(`${verb}: ${points.size} points, ${targets.length} ways to be killed there, ${kills.length} kills`);
    t.deepEqual(problems.flat(), []);
    t.true(points.size > 10);
  });
}
