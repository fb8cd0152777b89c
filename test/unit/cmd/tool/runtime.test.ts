import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import test from 'ava';
import { containerdSettings } from '../../../../cmd/tool/runtime/containerd.ts';
import { crioSettings } from '../../../../cmd/tool/runtime/crio.ts';
import { temporaryFolder } from '../../../lab/stores.ts';

interface Case {
  readonly files: Readonly<Record<string, string>>;
  readonly binDirs: readonly string[];
  readonly confDir?: string;
  readonly ipPref?: string;
  readonly template?: string;
  readonly startsLoopback?: boolean;
  readonly problems?: RegExp;
  readonly doubts?: RegExp;
}

const second = 'plugins."io.containerd.grpc.v1.cri".cni';
const third = "plugins.'io.containerd.cri.v1.runtime'.cni";
const standard = ['/opt/cni/bin'];

const ofContainerd: Record<string, Case> = {
  'no file': { files: {}, binDirs: standard },
  'an empty file': { files: { 'config.toml': '' }, binDirs: standard },
  'version 1, without a version': {
    files: { 'config.toml': '[plugins.cri.cni]\n  bin_dir = "/a"\n  conf_dir = "/b"\n' },
    binDirs: ['/a'],
    confDir: '/b',
  },
  'version 2': {
    files: { 'config.toml': `version = 2\n[${second}]\nbin_dir = '/a' # here\nip_pref = "cni"\n` },
    binDirs: ['/a'],
    ipPref: 'cni',
  },
  'version 2, in one line': {
    files: {
      'config.toml': 'version = 2\nplugins = {"io.containerd.grpc.v1.cri" = {cni = {bin_dir = "/a"}}}\n',
    },
    binDirs: ['/a'],
  },
  'version 3': {
    files: {
      'config.toml': `version = 3\n[${third}]\nbin_dirs = ["/a", "/b"]\nuse_internal_loopback = true\n`,
    },
    binDirs: ['/a', '/b'],
    startsLoopback: false,
  },
  'version 4, whose section is that of 3': {
    files: { 'config.toml': `version = 4\n[${third}]\nbin_dirs = ["/a"]\n` },
    binDirs: ['/a'],
  },
  'the section of another version': {
    files: { 'config.toml': `version = 2\n[${third}]\nbin_dir = "/a"\n` },
    binDirs: standard,
  },
  'values that say nothing': {
    files: {
      'config.toml': `version = 3\n[${third}]\nbin_dir = ""\nbin_dirs = []\nconf_dir = ""\nip_pref = ""\n`,
    },
    binDirs: standard,
  },
  'a comment': {
    files: { 'config.toml': `version = 2\n[${second}]\n# bin_dir = "/a"\n` },
    binDirs: standard,
  },
  'an import, relative and with a star': {
    files: {
      'config.toml': `version = 3\nimports = ["conf.d/*.toml"]\n[${third}]\nbin_dir = "/a"\nconf_template = "/t"\n`,
      'conf.d/10.toml': `version = 3\n[${third}]\nbin_dir = "/b"\n`,
      'conf.d/20.toml': `version = 3\n[${third}]\nbin_dir = "/c"\n`,
    },
    binDirs: ['/c'],
    template: '/t',
  },
  'imports that import each other': {
    files: {
      'config.toml': 'version = 3\nimports = ["a.toml"]\n',
      'a.toml': `version = 3\nimports = ["config.toml"]\n[${third}]\nbin_dir = "/a"\n`,
    },
    binDirs: ['/a'],
  },
  'an import of version 2, which containerd 1 and 2 merge differently': {
    files: {
      'config.toml': `version = 2\nimports = ["a.toml"]\n[${second}]\nbin_dir = "/a"\n`,
      'a.toml': `version = 2\n[${second}]\nconf_dir = "/b"\n`,
    },
    binDirs: ['/a'],
    confDir: '/b',
    doubts: /containerd 1 and 2 read the files that are imported differently/,
  },
  'an import that is not there': {
    files: { 'config.toml': 'version = 2\nimports = ["a.toml"]\n' },
    binDirs: standard,
    problems: /a\.toml, which is imported, is not there/,
  },
  'no TOML': {
    files: { 'config.toml': 'version = 2\n[plugins\n' },
    binDirs: standard,
    problems: /config\.toml is no TOML/,
  },
  'a folder for one runtime handler': {
    files: {
      'config.toml':
        'version = 3\nplugins."io.containerd.cri.v1.runtime".containerd.runtimes.kata.cni_conf_dir = "/k"\n',
    },
    binDirs: standard,
    doubts: /runtime handler kata have their network from \/k/,
  },
  'several networks at once': {
    files: { 'config.toml': `version = 2\n[${second}]\nmax_conf_num = 2\n` },
    binDirs: standard,
    doubts: /takes up to 2 network configurations at once/,
  },
};

const ofCrio: Record<string, Case> = {
  'no file': { files: {}, binDirs: standard },
  'its file': {
    files: { 'crio.conf': '[crio.network]\nplugin_dirs = ["/a/", "/b"]\nnetwork_dir = "/c/"\n' },
    binDirs: ['/a/', '/b'],
    confDir: '/c/',
  },
  'drop-ins alone, the last of which stands': {
    files: {
      'crio.conf.d/10-a.conf': '[crio.network]\nplugin_dirs = ["/a"]\nnetwork_dir = "/c"\n',
      'crio.conf.d/20-b.conf': '[crio.network]\nplugin_dirs = ["/b"]\n',
    },
    binDirs: ['/b'],
    confDir: '/c',
  },
  'the old key': { files: { 'crio.conf': '[crio.network]\nplugin_dir = "/a"\n' }, binDirs: ['/a'] },
  'a network by name': {
    files: { 'crio.conf': '[crio.network]\ncni_default_network = "crio"\n' },
    binDirs: standard,
    doubts: /uses the network named crio/,
  },
  'no TOML': { files: { 'crio.conf.d/x': '[' }, binDirs: standard, problems: /crio\.conf\.d\/x is no TOML/ },
};

const tables = [
  ['containerd', 'config.toml', containerdSettings, ofContainerd],
  ['CRI-O', 'crio.conf', crioSettings, ofCrio],
] as const;

for (const [name, first, settingsOf, cases] of tables) {
  for (const [what, { files, ...expected }] of Object.entries(cases)) {
    test(`${name}: ${what}`, (t) => {
      const folder = temporaryFolder(t);
      for (const [path, text] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      const found = settingsOf(join(folder, first));
      t.deepEqual(found.binDirs.value, expected.binDirs);
      t.is(found.confDir.value, expected.confDir ?? '/etc/cni/net.d');
      t.is(found.ipPref?.value, expected.ipPref);
      t.is(found.template?.value, expected.template);
      t.is(found.startsLoopback, expected.startsLoopback ?? name === 'containerd');
      t.regex(found.problems.join('\n'), expected.problems ?? /^$/);
      t.regex(found.doubts.join('\n'), expected.doubts ?? /^$/);
    });
  }
}
