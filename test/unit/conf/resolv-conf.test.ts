import test from 'ava';
import { parseResolvConf } from '../../../conf/resolv-conf.ts';

for (const [text, expected] of [
  ['', {}],
  ['nameserver 192.0.2.3', { nameservers: ['192.0.2.3'] }],
  ['# nameserver 192.0.2.3\n;search a\n\n  \nnameserver\nnonsense here\n__proto__ x\n', {}],
  ['nameserver 10.0.0.1 beside\r\n\tnameserver\tfd00::1\n', { nameservers: ['10.0.0.1', 'fd00::1'] }],
  ['domain one\ndomain two three\n', { domain: 'two' }],
  [
    'search a b\nsearch c\noptions ndots:5\noptions edns0\n',
    { search: ['a', 'b', 'c'], options: ['ndots:5', 'edns0'] },
  ],
] as const) {
  test(`resolver settings of ${JSON.stringify(text)}`, (t) => {
    t.deepEqual<unknown, unknown>(parseResolvConf(text), expected);
  });
}
