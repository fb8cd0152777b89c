import test from 'ava';
import { classifyIpError, type IpError } from '../../../netns/process/ip-errors.ts';

/** What iproute2 6.1.0 wrote on standard error in a namespace of its own, and what we make of it. */
const samples: [string, string, IpError][] = [
  [
    'a link whose name is taken, in the second line',
    'RTNETLINK answers: File exists\nCommand failed -:2\n',
    { kind: 'exists', line: 2, text: 'RTNETLINK answers: File exists' },
  ],
  [
    'an IPv4 address that is there',
    'Error: ipv4: Address already assigned.\nCommand failed -:2\n',
    { kind: 'exists', line: 2, text: 'Error: ipv4: Address already assigned.' },
  ],
  [
    'an IPv6 address that is there',
    'Error: ipv6: address already assigned.\nCommand failed -:2\n',
    { kind: 'exists', line: 2, text: 'Error: ipv6: address already assigned.' },
  ],
  [
    'a link that is not there, to be changed or deleted',
    'Cannot find device "nope"\nCommand failed -:1\n',
    { kind: 'absent', line: 1, text: 'Cannot find device "nope"' },
  ],
  [
    'a link that is not there, to be shown',
    'Device "nope" does not exist.\nCommand failed -:1\n',
    { kind: 'absent', line: 1, text: 'Device "nope" does not exist.' },
  ],
  [
    'several of those, with -force',
    'Device "nope" does not exist.\nCommand failed -:1\nDevice "nada" does not exist.\nCommand failed -:2\n',
    { kind: 'absent', line: 1, text: 'Device "nope" does not exist.; Device "nada" does not exist.' },
  ],
  [
    'a route that is not there',
    'RTNETLINK answers: No such process\nCommand failed -:1\n',
    { kind: 'absent', line: 1, text: 'RTNETLINK answers: No such process' },
  ],
  [
    'a namespace that is not there',
    'nsenter: cannot open /proc/self/fd/9: No such file or directory\n',
    {
      kind: 'absent',
      line: undefined,
      text: 'nsenter: cannot open /proc/self/fd/9: No such file or directory',
    },
  ],
  [
    'no capability',
    'RTNETLINK answers: Operation not permitted\nCommand failed -:1\n',
    { kind: 'not permitted', line: 1, text: 'RTNETLINK answers: Operation not permitted' },
  ],
  [
    'a gateway that is out of reach',
    'Error: Nexthop has invalid gateway.\nCommand failed -:1\n',
    { kind: 'other', line: 1, text: 'Error: Nexthop has invalid gateway.' },
  ],
  [
    'IPv6 that is off',
    'Error: ipv6: IPv6 is disabled on this device.\nCommand failed -:1\n',
    { kind: 'other', line: 1, text: 'Error: ipv6: IPv6 is disabled on this device.' },
  ],
  [
    'a value out of range',
    'RTNETLINK answers: Invalid argument\nCommand failed -:1\n',
    { kind: 'other', line: 1, text: 'RTNETLINK answers: Invalid argument' },
  ],
  [
    'a line that ip does not understand: it names none',
    'Error: argument "/proc/self/fd/9" is wrong: Invalid "netns" value\n\n',
    {
      kind: 'other',
      line: undefined,
      text: 'Error: argument "/proc/self/fd/9" is wrong: Invalid "netns" value',
    },
  ],
  [
    'a namespace of another kind',
    "nsenter: reassociate to namespace 'ns/net' failed: Invalid argument\n",
    {
      kind: 'other',
      line: undefined,
      text: "nsenter: reassociate to namespace 'ns/net' failed: Invalid argument",
    },
  ],
  ['nothing at all', '', { kind: 'other', line: undefined, text: '' }],
];

for (const [what, stderr, expected] of samples) {
  test(`${what}: ${expected.kind}`, (t) => {
    t.deepEqual(classifyIpError(stderr), expected);
  });
}
