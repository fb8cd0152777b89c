import { readFileSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { errno } from '../../../conf/failure.ts';
import { binDirFlag, type Command, type Report, type ToolHost, type Typed } from '../engine/command.ts';
import { guarded, replaceFile } from './replace.ts';

/** Under this second name the executable is an IPAM plugin for others. */
const ipamName = 'dualstack-ipam';

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
function installName(folder: string): void {
  guarded(`link ${folder}/${ipamName}`, () => {
    const scratch = `${folder}/.${ipamName}.${process.pid}.new`;
    rmSync(scratch, { force: true });
    symlinkSync('dualstack', scratch);
    renameSync(scratch, `${folder}/${ipamName}`);
  });
}

function act(typed: Typed, host: ToolHost): Report {
  const folder = typed.text('bin-dir') ?? '';
  const target = `${folder}/dualstack`;
  const isItself = guarded(`look at ${target}`, () => realPath(target) === realPath(host.executable));
  if (!isItself) installExecutable(host.executable, target);
  if (typed.isSet('ipam')) installName(folder);
  const first = isItself ? `${target} is this executable itself` : `installed ${target}`;
  const second = typed.isSet('ipam') ? [`installed ${folder}/${ipamName}`] : [];
  return { status: 0, json: { path: target, changed: !isItself }, text: [first, ...second].join('\n') };
}

export const install: Command = {
  name: 'install',
  summary: 'put this executable where the runtime looks for plugins',
  flags: [
    binDirFlag,
    { name: 'ipam', summary: `under the name ${ipamName}, too: the pools, for other plugins` },
  ],
  examples: [
    ['dualstack install', 'into /opt/cni/bin; a call that is running goes on undisturbed'],
    ['dualstack install --bin-dir /usr/lib/cni --ipam', 'for bridge, macvlan or ipvlan with our addresses'],
  ],
  act,
};
