import test from 'ava';
import { cidrs, parseAddress } from '../../../conf/family.ts';
import { candidateNames } from '../../../netns/link/naming.ts';
import type { Wiring } from '../../../netns/link/plan.ts';
import { formatWiring, parseWiring } from '../../../netns/link/record.ts';

const attachment = { containerID: 'web', ifname: 'eth0' };
const [names] = candidateNames(attachment, '02:00:00:00:00:07');

function endpoint(address: string, gateway: string) {
  return [address, gateway].map(parseAddress) as unknown as [never, never];
}

function wiring(): Wiring {
  const pairs = [endpoint('10.244.1.7', '10.244.1.1'), endpoint('fd00::7', 'fd00::1')];
  const [everywhere, far] = cidrs('::/0', '10.8.0.0/16');
  if (!names || !everywhere || !far) throw new Error('no names');
  return {
    names,
    ifname: 'eth0',
    mtu: 1400,
    ipv6: true,
    alias: undefined,
    addresses: pairs.map(([address, gateway]) => ({ address, gateway })),
    podCIDRs: cidrs('10.244.1.0/24', 'fd00::/64'),
    guarded: true,
    routes: [{ dst: everywhere }, { dst: far, gw: pairs[0]?.[1] as never, mtu: 1300 }],
  };
}

test('what is noted of a wiring is read again as it was', (t) => {
  const records = ['{"hostEnd":"x"}', formatWiring(wiring())];
  t.deepEqual(parseWiring(records, attachment), wiring());
});

const whole = formatWiring(wiring());
const wrong: Record<string, string> = {
  torn: whole.slice(0, -9),
  'of another attachment’s link': whole.replace(/vethds\w+/, 'vethds000000000'),
  'with a MAC address that is none': whole.replace('02:00:00:00:00:07', '02; reboot'),
  'without addresses': whole.replace(/"addresses":\[\[.*?\]\]/, '"addresses":[]'),
  'with a route that is none': whole.replace('::/0', 'x'),
};

for (const [what, record] of Object.entries(wrong)) {
  test(`a record ${what} is none`, (t) => {
    t.not(record, whole);
    t.is(parseWiring([record], attachment), undefined);
  });
}
