import { readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { errno } from '../../../conf/failure.ts';
import { printable } from '../../../conf/printable.ts';
import {
  binDirFlag,
  type Command,
  type Report,
  type ToolHost,
  type Typed,
  withDefault,
} from '../engine/command.ts';
import { hanging } from '../engine/screen.ts';
import { findRuntimes } from '../runtime/find.ts';
import { defaultBinDir } from '../runtime/settings.ts';
import { programProblem } from './program.ts';
import { guarded, replaceFile } from './replace.ts';

/** Under this second name the executable is an IPAM plugin for others. */
const ipamName = 'dualstack-ipam';

/** Under this one it does what the reference plugin of that name does. */
const loopbackName = 'loopback';

function realPath(path: string): string | undefined {
  try {
    return realpathSync(path);
  } catch (error) {
    if (errno(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** A copy, renamed into place: a call that is running keeps the file that it was started from. */
function installExecutable(source: string, target: string): void {
  const content = guarded(`read ${source}`, () => readFileSync(source));
  replaceFile(target, 0o755, (descriptor) => writeFileSync(descriptor, content));
}

/** A link that is renamed into place, for the same reason. */
function installName(folder: string, name: string): string {
  const path = `${folder}/${name}`;
  guarded(`link ${path}`, () => {
    const scratch = `${folder}/.${name}.${process.pid}.new`;
    rmSync(scratch, { force: true });
    symlinkSync('dualstack', scratch);
    renameSync(scratch, path);
  });
  return path;
}

/** The names that are asked for; `loopback` where there is none that works, for containerd starts one in each pod. */
function namesFor(typed: Typed, folder: string): string[] {
  return [
    ...(typed.isSet('ipam') ? [ipamName] : []),
    ...(programProblem(`${folder}/${loopbackName}`) === undefined ? [] : [loopbackName]),
  ];
}

/** @returns whether there was anything to do: a file is not copied over itself. */
function installFile(source: string, target: string): boolean {
  const isItself = guarded(`look at ${target}`, () => realPath(target) === realPath(source));
  if (!isItself) installExecutable(source, target);
  return !isItself;
}

/** Of a runtime that looks elsewhere, where nobody said which folder is meant. */
function elsewhere(folder: string): string[] {
  return findRuntimes(undefined)
    .filter(({ binDirs }) => !binDirs.value.some((theirs) => resolve(theirs) === resolve(folder)))
    .map(
      ({ name, binDirs: { value, key, file } }) =>
        `${name} looks for plugins in ${value.join(', ')} (${key} in ${file}): dualstack install --bin-dir ${value[0]}`,
    );
}

function act(typed: Typed, host: ToolHost): Report {
  const named = typed.text('bin-dir');
  const folder = named ?? defaultBinDir;
  const target = `${folder}/dualstack`;
  // What is started comes before what starts it: a call in between has one of this release or of the last.
  if (host.program) installFile(host.program, `${folder}/${basename(host.program)}`);
  const changed = installFile(host.executable, target);
  const names = namesFor(typed, folder).map((name) => installName(folder, name));
  const first = changed ? `installed ${target}` : `${target} is this executable itself`;
  const warnings = named === undefined ? elsewhere(folder) : [];
  const lines = [first, ...names.map((path) => `installed ${path}`)];
  return {
    status: 0,
    json: { path: target, changed, names, warnings },
    text: [
      ...lines.map(printable),
      ...warnings.map((sentence) => hanging(host.screen, 'warning: ', sentence)),
    ].join('\n'),
  };
}

export const install: Command = {
  name: 'install',
  summary: 'copy this executable to where the runtime looks for plugins',
  flags: [
    withDefault(binDirFlag, defaultBinDir),
    { name: 'ipam', summary: `also as ${ipamName}, the IPAM plugin for other plugins` },
  ],
  examples: [
    ['dualstack install', 'to /opt/cni/bin; calls that are running are not disturbed'],
    ['dualstack install --bin-dir /usr/lib/cni --ipam', 'for bridge, macvlan or ipvlan with our addresses'],
  ],
  act,
};
