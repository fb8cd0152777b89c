import { readFileSync, statSync } from 'node:fs';
import type { Addressing, Dns } from '../../conf/configuration.ts';
import { codes, Failure, reason } from '../../conf/failure.ts';
import { parseResolvConf } from '../../conf/resolv-conf.ts';
import type { Call } from '../cni/call.ts';

/** In bytes; the resolver itself reads some lines. */
const largest = 1024 * 1024;

function read(path: string): string {
  try {
    const file = statSync(path);
    if (file.isFile() && file.size <= largest) return readFileSync(path, 'utf8');
  } catch (error) {
    throw unreadable(path, reason(error), error);
  }
  throw unreadable(path, `it is no file of resolver settings`);
}

function unreadable(path: string, why: string, cause?: unknown): Failure {
  return new Failure(codes.io, `read the resolver settings ${path}: ${why}`, {
    details: 'resolvConf must name a file that is there: correct it, or leave it out',
    cause,
  });
}

/**
 * The network's resolver settings: its `dns`, else those of the file that `resolvConf` names. Undefined when it has none.
 *
 * @throws {Failure} code 5 for a file that cannot be read.
 */
export function networkDns({ dns, resolvConf }: Pick<Addressing, 'dns' | 'resolvConf'>): Dns | undefined {
  if (dns || resolvConf === undefined) return dns;
  return parseResolvConf(read(resolvConf));
}

/** The network's settings stand for all of the delegate's, as in the reference plugins; each list of the capability over either. */
export function podDns({ runtimeConfig }: Call, ofNetwork: Dns | undefined, ofDelegate: Dns): Dns {
  const { servers, searches, options } = runtimeConfig.dns ?? {};
  return {
    ...(ofNetwork ?? ofDelegate),
    ...(servers && { nameservers: servers }),
    ...(searches && { search: searches }),
    ...(options && { options }),
  };
}
