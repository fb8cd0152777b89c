import { realpathSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { readText } from '../../../../conf/text-file.ts';
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

function installRemedy({ binDir, executable }: Patient): string[] {
  return [`${shellWord(executable)} install --bin-dir ${shellWord(binDir)}`];
}

/** containerd starts it in each pod before ours: 1.x always, 2.x unless it is told otherwise. */
const loopbackName = 'loopback';

function bringsLoopbackUpItself(containerdConfig: string | undefined): boolean {
  return /^\s*use_internal_loopback\s*=\s*true\b/m.test(containerdConfig ?? '');
}

function unusableLoopback(problem: string, patient: Patient): Finding[] {
  const text = readText(patient.containerdConfig);
  if (bringsLoopbackUpItself(text)) return [];
  return [
    {
      level: text === undefined ? 'warning' : 'broken',
      found: `plugin ${loopbackName} in ${patient.binDir} ${problem}: with containerd no pod starts without it`,
      remedy: installRemedy(patient),
    },
  ];
}

function unusable(name: string, problem: string, patient: Patient): Finding {
  const { binDir } = patient;
  const found = `plugin ${name} in ${binDir} ${problem}`;
  if (name === ownType) return { level: 'broken', found, remedy: installRemedy(patient) };
  const debian = `${debianFolder}/${name}`;
  return isExecutable(debian)
    ? { level: 'broken', found, remedy: [`ln -sf ${shellWord(debian)} ${shellWord(`${binDir}/${name}`)}`] }
    : {
        level: 'broken',
        found,
        advice: 'install it there: it is part of the plugins that your distribution or runtime ships',
      };
}

/** Our executable in the folder starts a program beside it, wherever a link leads: one of the two alone is no plugin. */
function unusableProgram(patient: Patient): Finding[] {
  const own = `${patient.binDir}/${ownType}`;
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
  run: (patient) => {
    const problemOf = (name: string) => programProblem(`${patient.binDir}/${name}`);
    const names = namesIn(patient);
    const problem = problemOf(loopbackName);
    const found = [
      ...names.flatMap((name) => {
        const why = problemOf(name);
        return why === undefined ? [] : [unusable(name, why, patient)];
      }),
      ...(problem === undefined ? [] : unusableLoopback(problem, patient)),
      ...unusableProgram(patient),
    ];
    return found.length > 0 ? found : [ok(`${names.join(', ')} in ${patient.binDir}`)];
  },
};
