import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isExecutable } from '../../../cni/executables.ts';
import { ownType } from '../../init/conflist.ts';
import { programProblem } from '../../install/program.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

/** Where Debian's containernetworking-plugins puts its executables. */
const debianFolder = '/usr/lib/cni';

/** Every executable that the configuration names. */
function namesIn({ file, configuration }: Patient): string[] {
  const types = (file?.plugins ?? []).map((plugin) => String(plugin['type']));
  const delegate = configuration?.ipam?.type;
  return [...new Set([ownType, ...types, ...(delegate === undefined ? [] : [delegate])])];
}

function installRemedy({ binDirs: [folder = ''], executable }: Patient): string[] {
  return [`${shellWord(executable)} install --bin-dir ${shellWord(folder)}`];
}

/** containerd starts it in each pod before ours: 1.x always, 2.x unless it is told otherwise. */
const loopbackName = 'loopback';

/** Where the runtime would find a plugin: in the first of its folders that has one of the name. */
function placeOf(name: string, { binDirs }: Patient): string {
  const places = binDirs.map((folder) => `${folder}/${name}`);
  return places.find((path) => programProblem(path) !== 'is not there') ?? places[0] ?? name;
}

/** Who looks in these folders, when that is known. */
function because({ runtimes: [runtime], binDirs }: Patient): string {
  if (!runtime?.binDirs.file || runtime.binDirs.value !== binDirs) return '';
  return ` (${runtime.name} looks there: ${runtime.binDirs.key} in ${runtime.binDirs.file})`;
}

function loopbackFindings(patient: Patient): Finding[] {
  const [runtime] = patient.runtimes;
  const problem = programProblem(placeOf(loopbackName, patient));
  if (problem === undefined || runtime?.startsLoopback === false) return [];
  return [
    {
      level: runtime ? 'broken' : 'warning',
      found: `plugin ${loopbackName} in ${patient.binDirs.join(', ')} ${problem}${because(patient)}: with containerd no pod starts without it`,
      remedy: installRemedy(patient),
    },
  ];
}

/** What else can be had from where the distribution puts it. */
function remedyFor(name: string, patient: Patient): Pick<Finding, 'remedy' | 'advice'> {
  if (name === ownType) return { remedy: installRemedy(patient) };
  const debian = `${debianFolder}/${name}`;
  const target = `${patient.binDirs[0]}/${name}`;
  return isExecutable(debian)
    ? { remedy: [`ln -sf ${shellWord(debian)} ${shellWord(target)}`] }
    : { advice: 'install it there: it is part of the plugins that your distribution or runtime ships' };
}

/** What an executable of ours says of itself: `dualstack 0.1.0`, and its CNI versions. */
const versionLine = /^dualstack (\S+)$/m;

/** Another version's plugin, or another program under our name, which this doctor knows nothing of. */
async function versionFindings(path: string, patient: Patient): Promise<Finding[]> {
  const { run, version } = patient;
  const env = { PATH: patient.environment['PATH'] };
  const answer = await run({ program: path, args: ['--version'], env }).then(
    ({ stdout }) => stdout,
    () => '',
  );
  const [, other] = versionLine.exec(answer) ?? [];
  if (other === version) return [];
  const started = other === undefined ? unusableProgram(patient) : [];
  if (started.length > 0) return started;
  return [
    {
      level: other === undefined ? 'broken' : 'warning',
      found:
        other === undefined
          ? `${path} does not say that it is dualstack: it is another program, or does not run here`
          : `${path} is dualstack ${other}, and this doctor ${version}: pods are made by that one`,
      remedy: installRemedy(patient),
    },
  ];
}

async function findingsFor(name: string, patient: Patient): Promise<Finding[]> {
  const path = placeOf(name, patient);
  const problem = programProblem(path);
  if (problem === undefined) return name === ownType ? versionFindings(path, patient) : [];
  const found = `plugin ${name} in ${patient.binDirs.join(', ')} ${problem}${because(patient)}`;
  return [{ level: 'broken', found, ...remedyFor(name, patient) }];
}

/** Our executable in the folder starts a program beside it, wherever a link leads: one of the two alone is no plugin. */
function unusableProgram(patient: Patient): Finding[] {
  const own = placeOf(ownType, patient);
  if (patient.program === undefined || programProblem(own) !== undefined) return [];
  const started = `${dirname(realpathSync(own))}/${basename(patient.program)}`;
  const problem = programProblem(started);
  if (problem === undefined) return [];
  return [
    { level: 'broken', found: `${started}, which ${own} starts, ${problem}`, remedy: installRemedy(patient) },
  ];
}

export const plugins: Check = {
  name: 'plugins',
  run: async (patient) => {
    const names = namesIn(patient);
    const own = await Promise.all(names.map((name) => findingsFor(name, patient)));
    const found = [...own.flat(), ...loopbackFindings(patient)];
    return found.length > 0 ? found : [ok(`${names.join(', ')} in ${patient.binDirs.join(', ')}`)];
  },
};
