import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { buildGoTools } from '../../lab/go-tools.ts';

const sources = import.meta.dirname;
const target = join(sources, '../../../dist/tools');

/** The clients, by the last part of the package path that go.mod's `tool` lines give. */
export type Tool = 'cnitool' | 'crictl';

/** The path of a client, which must have been built. */
export async function toolPath(tool: Tool): Promise<string> {
  const path = join(target, tool);
  await access(path);
  return path;
}

/** Builds the clients, unless they are there. @throws {Error} as `buildGoTools`. */
export function buildTools(): Promise<void> {
  return buildGoTools(sources, target, 'cnitool and crictl (once, a minute or two)');
}
