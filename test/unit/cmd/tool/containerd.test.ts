import test from 'ava';
import { cniSection } from '../../../../cmd/tool/doctor/checks/containerd.ts';

const headers = [
  '[plugins.cri.cni]',
  '[plugins."io.containerd.grpc.v1.cri".cni]',
  "[plugins.'io.containerd.cri.v1.runtime'.cni]",
];

for (const header of headers) {
  test(`the section is found: ${header}`, (t) => {
    const text = `version = 2\n[debug]\nip_pref = "ipv6"\n  ${header}\n    conf_dir = "x"\n    ip_pref = 'cni'\n[other]`;
    t.deepEqual(cniSection(text), { header, ipPref: 'cni', binDir: undefined, confDir: 'x' });
    t.deepEqual(cniSection(`${header}\n[other]\nip_pref = "cni"`), {
      header,
      ipPref: undefined,
      binDir: undefined,
      confDir: undefined,
    });
  });
}

test('an empty value is one, and a comment is none', (t) => {
  t.is(cniSection(`${headers[1]}\nip_pref = ""`)?.ipPref, '');
  t.is(cniSection(`${headers[1]}\n# ip_pref = "cni"`)?.ipPref, undefined);
  t.is(cniSection(`# ${headers[1]}\nip_pref = "cni"`), undefined);
  t.is(cniSection(''), undefined);
});
