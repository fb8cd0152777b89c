import { resolve } from 'node:path';
import { readText } from '../../../../conf/text-file.ts';
import { type Check, type Finding, ok, type Patient, shellWord } from './check.ts';

/** CRI's CNI section, by the version of containerd's configuration (containerd, docs/cri/config.md). */
const headers: Readonly<Record<number, string>> = {
  1: '[plugins.cri.cni]',
  2: '[plugins."io.containerd.grpc.v1.cri".cni]',
  3: '[plugins."io.containerd.cri.v1.runtime".cni]',
};

export interface CniSection {
  /** Its header, as it is written. */
  readonly header: string;
  readonly ipPref: string | undefined;
  readonly binDir: string | undefined;
  readonly confDir: string | undefined;
}

/** TOML has two kinds of quotes. */
function normal(line: string): string {
  return line.trim().replaceAll("'", '"');
}

/** CRI's CNI section in the text of a configuration. */
export function cniSection(text: string): CniSection | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const start = lines.findIndex((line) => Object.values(headers).includes(normal(line)));
  if (start === -1) return undefined;
  const rest = lines.slice(start + 1);
  const end = rest.findIndex((line) => line.startsWith('['));
  const own = end === -1 ? rest : rest.slice(0, end);
  const settingOf = (key: string) => {
    const pattern = new RegExp(`^${key}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`);
    const values = own.flatMap((line) => pattern.exec(line)?.slice(1) ?? []);
    return values.find((value) => value !== undefined);
  };
  const [ipPref, binDir, confDir] = ['ip_pref', 'bin_dir', 'conf_dir'].map(settingOf);
  return { header: lines[start] ?? '', ipPref, binDir, confDir };
}

/** A new section; one without a version at its beginning would be of version 1, which containerd 2 does not read. */
function newSection(text: string): string {
  if (text === '') return `version = 2\\n\\n${headers[2]}`;
  const version = Number(/^\s*version\s*=\s*(\d+)/m.exec(text)?.[1] ?? 1);
  return `\\n${headers[version] ?? headers[3]}`;
}

/** A line of sed, or of printf, that has ip_pref in the section. */
function edit(path: string, text: string, section: CniSection | undefined): string {
  const file = shellWord(path);
  if (!section) return `printf '${newSection(text)}\\n  ip_pref = "cni"\\n' >> ${file}`;
  if (section.ipPref !== undefined) return `sed -i 's/^\\( *ip_pref *= *\\).*/\\1"cni"/' ${file}`;
  const header = section.header.replaceAll(/[[\].*^$/"']/g, (character) =>
    /["']/.test(character) ? '.' : `\\${character}`,
  );
  return `sed -i '/^ *${header}/a ip_pref = "cni"' ${file}`;
}

/** Where we are installed, and where containerd looks: its defaults are those of the flags. */
function elsewhere(section: CniSection | undefined, patient: Patient): Finding[] {
  const places = [
    { key: 'bin_dir', what: 'plugins', theirs: section?.binDir, ours: patient.binDir },
    { key: 'conf_dir', what: 'network configurations', theirs: section?.confDir, ours: patient.confDir },
  ];
  return places.flatMap(({ key, what, theirs, ours }): Finding[] => {
    if (!theirs || resolve(theirs) === resolve(ours)) return [];
    const flag = key.replace('_', '-');
    const found = `containerd looks for ${what} in ${theirs} (${key} in ${patient.containerdConfig}), and not in ${ours}`;
    const command = key === 'bin_dir' ? 'install' : 'init';
    const advice = `either set ${key} to ${ours} and restart containerd, or use ${theirs}: dualstack ${command} --${flag} ${theirs}, and the same flag for doctor`;
    return [
      {
        level: 'broken',
        found,
        remedy: [editPlace(patient, key, ours), 'systemctl restart containerd'],
        advice,
      },
    ];
  });
}

/** Only a line whose value is not the wanted one already is matched, in whatever section of CRI's it is. */
function editPlace({ containerdConfig }: Patient, key: string, value: string): string {
  return `sed -i ${shellWord(`s|^\\([[:space:]]*${key} *= *\\).*|\\1"${value}"|`)} ${shellWord(containerdConfig)}`;
}

/** What is not in this file may be in others, which were not read: that is said, and is no reason for a warning. */
function unread(text: string, patient: Patient): Finding[] {
  const hasImports = /^\s*imports\s*=\s*\[\s*["']/m.test(text);
  const found = `${patient.containerdConfig} imports other files, which were not read: hold their bin_dir, conf_dir and ip_pref against "containerd config dump"`;
  return hasImports ? [{ level: 'note', found }] : [];
}

/**
 * containerd takes the first IPv4 address for the pod's own, whatever the order of the result, unless ip_pref says
 * otherwise (containerd, docs/cri/config.md). kubelet sorts the addresses by the node's own first one.
 */
function orderOf(
  section: CniSection | undefined,
  { preference, containerdConfig }: Patient,
  text: string,
): Finding {
  const first = preference?.pools[0]?.family.name;
  const ipPref = section?.ipPref || 'ipv4';
  const shown = { ipv4: 'IPv4', ipv6: 'IPv6', cni: first }[ipPref];
  if (!preference || preference.pools.length < 2 || shown === first)
    return ok(`its ip_pref is ${ipPref}, as the order of families wants it`);
  return {
    level: 'note',
    found: `pods get ${first} first, and containerd's ip_pref, which is ${ipPref}, shows their ${shown} address first: kubelet puts them in the node's order all the same, but crictl and others see containerd's`,
    remedy: [edit(containerdConfig, text, section), 'systemctl restart containerd'],
  };
}

export const containerd: Check = {
  name: 'containerd',
  run: (patient) => {
    const text = readText(patient.containerdConfig);
    if (text === undefined) return [];
    const section = cniSection(text);
    return [...elsewhere(section, patient), ...unread(text, patient), orderOf(section, patient, text)];
  },
};
