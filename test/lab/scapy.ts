import { type ExecaError, execa } from 'execa';
import { type Namespace, systemPath } from './namespaces.ts';

const prelude = `
import sys, time
from scapy.all import *
conf.verb = 0
`;

/**
 * Runs a program of scapy's in a namespace: packets that no kernel would send. The interpreter is the system's, for which
 * Debian's python3-scapy is.
 *
 * @param program lines of Python after \`from scapy.all import *\`.
 * @returns its standard output.
 */
export async function scapy(from: Namespace, program: string, ...args: string[]): Promise<string> {
  const command = ['netns', 'exec', from.name, '/usr/bin/python3', '-', ...args];
  const options = { env: { PATH: systemPath }, input: `${prelude}${program}` };
  try {
    return (await execa('ip', command, options)).stdout;
  } catch (error) {
    throw new Error(`scapy: ${(error as ExecaError).stderr}`, { cause: error });
  }
}

/** Sends each packet once from eth0: scapy's words, a list of whole frames. */
export async function sendFrames(from: Namespace, frames: string): Promise<void> {
  await scapy(from, `sendp(${frames}, iface='eth0')`);
}
