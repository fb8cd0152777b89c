import { type Check, type Finding, ok, shellWord } from './check.ts';
import { readText } from './proc.ts';

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
  const ipPref = own.flatMap((line) => /^ip_pref\s*=\s*["'](\w*)["']/.exec(line)?.[1] ?? [])[0];
  return { header: lines[start] ?? '', ipPref };
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

/**
 * containerd takes the first IPv4 address for the pod's own, whatever the order of the result, unless ip_pref says
 * otherwise (containerd, docs/cri/config.md). kubelet goes by the node's first address, but others ask containerd.
 */
export const containerd: Check = {
  name: 'containerd',
  run: ({ containerdConfig, preference }) => {
    const text = readText(containerdConfig);
    if (text === undefined) return [];
    const first = preference?.pools[0]?.family.name;
    const section = cniSection(text);
    const ipPref = section?.ipPref || 'ipv4';
    const shown = { ipv4: 'IPv4', ipv6: 'IPv6', cni: first }[ipPref];
    if (!preference || preference.pools.length < 2 || shown === first)
      return [ok(`its ip_pref is ${ipPref}, as the order of families wants it`)];
    return [
      {
        level: 'warning',
        found: `pods get ${first} first, and containerd's ip_pref, which is ${ipPref}, shows their ${shown} address first`,
        remedy: [edit(containerdConfig, text, section), 'systemctl restart containerd'],
      } satisfies Finding,
    ];
  },
};
