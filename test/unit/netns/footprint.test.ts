import test from 'ava';
import fc from 'fast-check';
import { type Address, families, IPv4, IPv6, parseAddress } from '../../../conf/family.ts';
import { describePort, elementsOf } from '../../../netns/firewall/elements.ts';
import { formatFootprint, parseFootprints } from '../../../netns/firewall/footprint.ts';
import { addElement, deleteElement, replaceElement } from '../../../netns/firewall/transaction.ts';
import { cidrs } from '../../lab/rule-sets.ts';

const address = fc
  .constantFrom(...families)
  .chain((family) =>
    fc.bigInt(0n, (1n << BigInt(family.bits)) - 1n).map((value): Address => ({ family, value })),
  );
const port = fc.integer({ min: 1, max: 65535 });
const hostPort = fc.record({
  protocol: fc.constantFrom('tcp', 'udp', 'sctp'),
  on: fc.option(address, { nil: undefined }),
  port,
  target: address,
  targetPort: port,
});
const footprint = fc.record({
  hostEnd: fc.stringMatching(/^vethds[0-9a-f]{9}$/),
  mac: fc.stringMatching(/^[0-9a-f]{2}(:[0-9a-f]{2}){5}$/),
  addresses: fc.array(address),
  egress: fc.record({
    families: fc.subarray(['IPv4', 'IPv6']),
    exempt: fc.constant(cidrs('10.9.0.0/24', 'fd09::/64')),
  }),
  guarded: fc.boolean(),
  ports: fc.array(hostPort),
});

test('what is noted reads back, in one line', (t) => {
  fc.assert(
    fc.property(footprint, (noted) => {
      const line = formatFootprint(noted as never);
      t.notRegex(line, /\n/);
      t.deepEqual<unknown, unknown>(parseFootprints([line]), [noted]);
    }),
  );
});

test('whatever is in the store, it is a footprint of words that are safe to pass on, or none', (t) => {
  const value = fc.oneof(fc.string(), fc.jsonValue());
  const record = fc.record({ hostEnd: value, mac: value, addresses: value, egress: value, ports: value });
  fc.assert(
    fc.property(
      fc.oneof(
        record.map((object) => JSON.stringify(object)),
        fc.string(),
      ),
      (line) => {
        const lines = parseFootprints([line])
          .flatMap(elementsOf)
          .map((element) => addElement(element).line);
        for (const text of lines) t.regex(text, /^add element inet dualstack \w+ \{ [\w":. ]+ \}$/);
      },
    ),
  );
  const torn = formatFootprint(sample).slice(0, -5);
  t.deepEqual(parseFootprints([torn, '{"hostEnd":"x; flush ruleset","mac":"02:00:00:00:00:01"}']), []);
});

const own = [parseAddress('10.244.1.7'), parseAddress('fd00::7')].flatMap((one) => one ?? []);
const [v4 = { family: IPv4, value: 0n }, v6 = { family: IPv6, value: 0n }] = own;
const sample = {
  hostEnd: 'vethds123456789',
  mac: '02:00:00:00:00:01',
  addresses: own,
  egress: { families: ['IPv4'], exempt: cidrs('10.244.0.0/16') },
  guarded: true,
  ports: [
    { protocol: 'tcp', on: undefined, port: 8080, target: v4, targetPort: 80 },
    { protocol: 'udp', on: parseAddress('2001:db8::10'), port: 53, target: v6, targetPort: 5353 },
  ],
} as const;

test('the elements of an attachment, whole', (t) => {
  t.is(
    elementsOf(sample)
      .map((element) => `${addElement(element).line}\n`)
      .join(''),
    `add element inet dualstack hairpins { "vethds123456789" . "vethds123456789" }
add element inet dualstack ports_ipv4 { tcp . 8080 : 10.244.1.7 . 80 }
add element inet dualstack ports_on_ipv6 { 2001:db8::10 . udp . 53 : fd00::7 . 5353 }
add element inet dualstack egress_ipv4 { "vethds123456789" . 10.244.1.7 : jump egress_0c77aeac15d4 }
add element inet dualstack blamed_ipv4 { "vethds123456789" . 183763207 }
add element inet dualstack blamed_ipv6 { "vethds123456789" . 0xfd000000000000000000000000000007 }
add element inet dualstack sources_ipv4 { "vethds123456789" . 02:00:00:00:00:01 . 10.244.1.7 }
add element inet dualstack sources_ipv6 { "vethds123456789" . 02:00:00:00:00:01 . fd00::7 }
add element inet dualstack link_sources { "vethds123456789" . 02:00:00:00:00:01 . fe80::ff:fe00:1 }
add element inet dualstack link_sources { "vethds123456789" . 02:00:00:00:00:01 . :: }
add element inet dualstack guarded { "vethds123456789" }
`,
  );
  const unguarded = { ...sample, guarded: false, ports: [], egress: { families: [], exempt: [] } };
  t.deepEqual(
    elementsOf(unguarded).map(({ set, key }) => [set, ...key]),
    [['unguarded', 'vethds123456789']],
  );
});

test('an element is deleted, or set right, in one line', (t) => {
  const [, port] = elementsOf(sample);
  if (!port) return t.fail();
  const [add, del] = [
    'add element inet dualstack ports_ipv4 { tcp . 8080 : 10.244.1.7 . 80 }',
    'delete element inet dualstack ports_ipv4 { tcp . 8080 }',
  ];
  t.is(deleteElement(port).line, `${add}; ${del}`);
  t.is(replaceElement(port).line, `${del}; ${add}`);
});

test('host ports as people write them', (t) => {
  const [first, second] = sample.ports;
  t.is(describePort(first), '*:8080/tcp');
  t.is(describePort(second), '[2001:db8::10]:53/udp');
  t.is(describePort({ ...second, on: parseAddress('192.0.2.10') }), '192.0.2.10:53/udp');
});
