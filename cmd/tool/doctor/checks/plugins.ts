import { isExecutable } from '../../../cni/executables.ts';
import { ownType } from '../../init/conflist.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

/** Where Debian's containernetworking-plugins puts its executables. */
const debianFolder = '/usr/lib/cni';

/** Every executable that the configuration names. */
function namesIn({ file, configuration }: Patient): string[] {
  const types = (file?.plugins ?? []).map((plugin) => String(plugin['type']));
  const delegate = configuration?.ipam?.type;
  return [...new Set([ownType, ...types, ...(delegate === undefined ? [] : [delegate])])];
}

function missing(name: string, { binDir, executable }: Patient): Finding {
  const found = `plugin ${name} is not in ${binDir}`;
  if (name === ownType) {
    const remedy = `${shellWord(executable)} install --bin-dir ${shellWord(binDir)}`;
    return { level: 'broken', found, remedy: [remedy] };
  }
  const debian = `${debianFolder}/${name}`;
  return isExecutable(debian)
    ? { level: 'broken', found, remedy: [`ln -s ${shellWord(debian)} ${shellWord(`${binDir}/${name}`)}`] }
    : {
        level: 'broken',
        found,
        advice: 'install it there: it is part of the plugins that your distribution or runtime ships',
      };
}

export const plugins: Check = {
  name: 'plugins',
  run: (patient) => {
    const names = namesIn(patient);
    const absent = names.filter((name) => !isExecutable(`${patient.binDir}/${name}`));
    if (absent.length === 0) return [ok(`${names.join(', ')} in ${patient.binDir}`)];
    return absent.map((name) => missing(name, patient));
  },
};
