import { join } from 'node:path';

/** What was brought is kept here, for each release of the distribution. */
export const nftCache = join(import.meta.dirname, '../../dist/nft');

/** The folder for a PATH that holds the `nft` of a release, and nothing else. */
export function nftFolder(suite: string): string {
  return join(nftCache, suite, 'bin');
}
