import test from 'ava';
import { hostPortsOf } from '../../../cmd/verbs/ports.ts';
import { formatAddress, parseAddress } from '../../../conf/family.ts';
import { parseRuntimeConfig } from '../../../conf/runtime.ts';

const addresses = ['10.244.1.7', 'fd00::7'].flatMap((text) => parseAddress(text) ?? []);

function asked(portMappings: object[], ofPod = addresses): string[] {
  const ports = hostPortsOf(parseRuntimeConfig({ portMappings }).portMappings, ofPod);
  return ports.map(({ protocol, on, port, target, targetPort }) =>
    [protocol, on ? formatAddress(on) : '*', port, formatAddress(target), targetPort].join(' '),
  );
}

const [mapping, both] = [
  { hostPort: 8080, containerPort: 80 },
  ['tcp * 8080 10.244.1.7 80', 'tcp * 8080 fd00::7 80'],
];

for (const [hostIP, expected] of [
  [undefined, both],
  ['', both],
  ['0.0.0.0', both.slice(0, 1)],
  ['::', both.slice(1)],
  ['192.0.2.10', ['tcp 192.0.2.10 8080 10.244.1.7 80']],
  ['2001:db8::10', ['tcp 2001:db8::10 8080 fd00::7 80']],
] as const) {
  test(`the host ports of a mapping with hostIP ${JSON.stringify(hostIP)}`, (t) => {
    t.deepEqual(asked([{ ...mapping, hostIP }]), [...expected]);
  });
}

test('a pod with one family has its host ports in that one', (t) => {
  t.deepEqual(asked([mapping], addresses.slice(1)), both.slice(1));
  t.throws(() => asked([{ ...mapping, hostIP: '0.0.0.0' }], addresses.slice(1)), {
    message:
      'invalid portMappings: hostIP 0.0.0.0 of host port 8080 is IPv4, but the pod has no such address',
  });
});

test('a mapping without a host port asks for none; one that is there twice is an error', (t) => {
  t.deepEqual(asked([{ containerPort: 80 }, { hostPort: 0, containerPort: 80 }]), []);
  t.is(asked([mapping, { ...mapping, protocol: 'udp' }, { ...mapping, hostIP: '192.0.2.10' }]).length, 5);
  for (const hostIP of [undefined, '0.0.0.0', '::'])
    t.throws(() => asked([mapping, { ...mapping, containerPort: 81, hostIP }]), {
      message: /host port \*:8080\/tcp \(IPv[46]\) is mapped twice, to 80 and to 81/,
    });
  for (const hostIP of ['::1', '224.0.0.1', '255.255.255.255', 'ff02::1'])
    t.throws(() => asked([{ ...mapping, hostIP }]), {
      message: new RegExp(`hostIP ${hostIP} of host port 8080 cannot work`),
    });
});

for (const [one, other] of [
  [undefined, undefined],
  [undefined, '0.0.0.0'],
  ['', '::'],
  ['192.0.2.10', '192.0.2.10'],
] as const) {
  test(`the same port twice with the same target is once: ${one} and ${other}`, (t) => {
    const twice = asked([
      { ...mapping, hostIP: one },
      { ...mapping, hostIP: other },
    ]);
    t.deepEqual(twice, asked([{ ...mapping, hostIP: one }]));
  });
}
