import { parseConfiguration } from '../../conf/configuration.ts';
import { type Address, parseAddress } from '../../conf/family.ts';
import { type Pool, poolsOf } from '../../ipam/pool.ts';
import { type Preference, preferenceOf } from '../../ipam/preference.ts';

/** Part of a network configuration, as a user writes it. */
export type Written = Readonly<Record<string, unknown>>;

export function poolsFrom(written: Written): Pool[] {
  return poolsOf(parseConfiguration({ name: 'pods', ...written }));
}

export function preferenceFrom(written: Written): Preference {
  return preferenceOf(parseConfiguration({ name: 'pods', ...written }), poolsFrom(written));
}

/** @throws when the text is no address. */
export function addressOf(text: string): Address {
  const address = parseAddress(text);
  if (!address) throw new Error(`${text} is no address`);
  return address;
}
