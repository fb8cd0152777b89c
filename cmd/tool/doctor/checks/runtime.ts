import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readText } from '../../../../conf/text-file.ts';
import type { RuntimeSettings, Setting } from '../../runtime/settings.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

function saidBy(runtime: RuntimeSettings, { key, file }: Pick<Setting<unknown>, 'key' | 'file'>): string {
  return file === undefined ? `its default, since ${runtime.path} does not say ${key}` : `${key} in ${file}`;
}

function sameFolder(one: string, other: string): boolean {
  return resolve(one) === resolve(other);
}

/** Folders that were named on the command line, and that the runtime does not look in. */
function elsewhere(runtime: RuntimeSettings, { binDirs, confDir }: Patient): Finding[] {
  const places = [
    {
      what: 'plugins',
      ours: binDirs,
      theirs: runtime.binDirs.value,
      said: saidBy(runtime, runtime.binDirs),
      command: 'install --bin-dir',
    },
    {
      what: 'network configurations',
      ours: [confDir],
      theirs: [runtime.confDir.value],
      said: saidBy(runtime, runtime.confDir),
      command: 'init --conf-dir',
    },
  ];
  return places.flatMap(({ what, ours, theirs, said, command }): Finding[] => {
    if (ours.every((folder) => theirs.some((other) => sameFolder(folder, other)))) return [];
    const [first = ''] = theirs;
    return [
      {
        level: 'broken',
        found: `${runtime.name} looks for ${what} in ${theirs.join(', ')} (${said}), and not in ${ours.join(', ')}`,
        advice: `dualstack ${command} ${shellWord(first)}, or have ${runtime.name} look in ${ours[0]}, and restart it`,
      },
    ];
  });
}

function problemsOf({ name, problems }: RuntimeSettings): Finding[] {
  return problems.map((problem) => ({
    level: 'broken',
    found: `${problem}: ${name} does not start with it`,
    advice: `mend the file, or move it away, and restart ${name}`,
  }));
}

function doubtsOf({ doubts }: RuntimeSettings): Finding[] {
  return doubts.map((doubt) => ({ level: 'note', found: `not checked: ${doubt}` }));
}

/** containerd writes the network configuration itself, once, when kubelet tells it the podCIDRs. */
function templateOf(runtime: RuntimeSettings): Finding[] {
  const { template } = runtime;
  if (!template) return [];
  const said = `${template.value} (${saidBy(runtime, template)})`;
  if (!existsSync(template.value)) {
    const advice = `copy conf/containerd-template.conflist there, or take conf_template out of ${template.file}, and restart containerd and kubelet`;
    return [{ level: 'broken', found: `the template ${said} is not there`, advice }];
  }
  if (/"type"\s*:\s*"dualstack"/.test(readText(template.value) ?? '')) return [];
  return [{ level: 'warning', found: `the template ${said} has no plugin of type dualstack` }];
}

/**
 * containerd takes the first IPv4 address for the pod's own, whatever the order of the result, unless ip_pref says
 * otherwise (containerd, docs/cri/config.md). kubelet sorts the addresses by the node's own first one.
 */
function orderOf(runtime: RuntimeSettings, { preference }: Patient): Finding[] {
  if (runtime.name !== 'containerd') return [];
  const first = preference?.pools[0]?.family.name;
  const ipPref = runtime.ipPref?.value ?? 'ipv4';
  const shown = { ipv4: 'IPv4', ipv6: 'IPv6', cni: first }[ipPref];
  if (!preference || preference.pools.length < 2 || shown === first) return [];
  const where = runtime.ipPref?.file ?? runtime.path;
  return [
    {
      level: 'note',
      found: `pods get ${first} first, and containerd's ip_pref, which is ${ipPref}, shows their ${shown} address first: kubelet puts them in the node's order all the same, but crictl and others see containerd's`,
      advice: `for one order everywhere, set ip_pref = "cni" beside bin_dir in ${where}, and restart containerd`,
    },
  ];
}

function findingsOf(runtime: RuntimeSettings, patient: Patient): Finding[] {
  const found = [
    ...problemsOf(runtime),
    ...elsewhere(runtime, patient),
    ...templateOf(runtime),
    ...orderOf(runtime, patient),
    ...doubtsOf(runtime),
  ];
  const isWell = found.every(({ level }) => level === 'note');
  const [bin, conf] = [runtime.binDirs.value.join(', '), runtime.confDir.value];
  return isWell
    ? [ok(`looks for plugins in ${bin}, for network configurations in ${conf}`), ...found]
    : found;
}

function others([, ...rest]: readonly RuntimeSettings[]): Finding[] {
  return rest.map(({ name, path }) => ({
    level: 'note',
    found: `${name} is configured, too (${path}): its folders were not checked`,
    advice: 'if that one runs the pods, name its folders with --bin-dir and --conf-dir',
  }));
}

function checkOf(name: RuntimeSettings['name']): Check {
  return {
    name,
    run: (patient) => {
      const { runtimes } = patient;
      const [first] = runtimes;
      return first?.name === name ? [...findingsOf(first, patient), ...others(runtimes)] : [];
    },
  };
}

const unknown: Check = {
  name: 'runtime',
  run: ({ runtimes, binDirs, confDir }) =>
    runtimes.length > 0
      ? []
      : [
          {
            level: 'note',
            found: `no container runtime has a configuration here: nobody says that it looks in ${binDirs.join(', ')} and ${confDir}, as all do by default`,
          },
        ],
};

/** Where the runtime looks, by its own configuration. */
export const runtimeChecks: readonly Check[] = [checkOf('containerd'), checkOf('CRI-O'), unknown];
