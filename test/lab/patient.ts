import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ExecaError } from 'execa';
import { executable, type Outcome } from './cni.ts';
import { type Machine, startMachine } from './machine.ts';
import { systemPath } from './namespaces.ts';
import { podCIDRs } from './pods.ts';

export interface Finding {
  readonly check: string;
  readonly level: 'ok' | 'note' | 'warning' | 'broken';
  readonly found: string;
  readonly remedy?: readonly string[];
}

export interface Diagnosis {
  readonly status: 0 | 1 | 2;
  readonly findings: readonly Finding[];
}

/** What the cluster says of the machine, to those who ask with kubectl. */
export const clusterNode = {
  kind: 'Node',
  spec: { podCIDRs },
  status: { addresses: [{ type: 'InternalIP', address: '192.0.2.10' }] },
};

const conflist = '/etc/cni/net.d/10-dualstack.conflist';

/** A node that is well: its files are where the runtime looks, and it has an uplink in both families. */
export class PatientMachine implements AsyncDisposable {
  readonly machine: Machine;

  constructor(machine: Machine) {
    this.machine = machine;
  }

  /** Commands of the test's own stand before those of the system. */
  get path(): string {
    return `${this.machine.folder}/bin:${systemPath}`;
  }

  /** A command line as an operator types it. @throws when it fails. */
  shell(line: string): Promise<string> {
    return this.machine.run('bash', ['-ec', line], { PATH: this.path });
  }

  async write(path: string, content: string | object): Promise<void> {
    const outside = this.machine.outside(path);
    await mkdir(dirname(outside), { recursive: true });
    await writeFile(outside, typeof content === 'string' ? content : JSON.stringify(content));
  }

  /** Puts our configuration there, with these keys more or other. */
  configure(more: object = {}, others: readonly object[] = []): Promise<void> {
    const plugins = [{ type: 'dualstack', podCIDRs, ...more }, ...others];
    return this.write(conflist, { cniVersion: '1.0.0', name: 'pods', plugins });
  }

  /** Stands in for a command that a test must not run for real. */
  async stub(name: string, script: string): Promise<void> {
    const path = join(this.machine.folder, 'bin', name);
    await writeFile(path, `#!/bin/sh\n${script}\n`);
    await chmod(path, 0o755);
  }

  /** Calls the tool; a status other than 0 is an answer, too. */
  async tool(words: string[]): Promise<Outcome> {
    try {
      const stdout = await this.machine.run(executable, words, { PATH: this.path });
      return { status: 0, stdout, stderr: '' };
    } catch (error) {
      if (!(error instanceof ExecaError)) throw error;
      return { status: error.exitCode, stdout: `${error.stdout}`, stderr: `${error.stderr}` };
    }
  }

  async diagnose(): Promise<Diagnosis> {
    const { stdout, stderr, status } = await this.tool(['doctor', '--json']);
    if (stdout === '') throw new Error(`doctor said nothing: ${stderr}`);
    const diagnosis = JSON.parse(stdout) as Diagnosis;
    if (diagnosis.status !== status)
      throw new Error(`exit status ${status}, and JSON says ${diagnosis.status}`);
    return diagnosis;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.machine.stop();
  }
}

async function furnish(patient: PatientMachine): Promise<void> {
  const { machine } = patient;
  await mkdir(join(machine.folder, 'bin'));
  await mkdir(machine.outside('/opt/cni/bin'), { recursive: true });
  await symlink(executable, machine.outside('/opt/cni/bin/dualstack'));
  await symlink('dualstack', machine.outside('/opt/cni/bin/loopback'));
  await patient.stub('kubectl', `echo '${JSON.stringify(clusterNode)}'`);
  await patient.stub('systemctl', 'true');
  await patient.configure();
  await patient.shell(`
    mkdir -p /etc/containerd && rm -f /etc/containerd/config.toml
    ip link add uplink type veth peer name world
    ip link set uplink up && ip link set world up
    ip address add 192.0.2.10/24 dev uplink
    ip address add 2001:db8::10/64 dev uplink nodad
    ip route add default via 192.0.2.1
    ip route add default via 2001:db8::1`);
}

export async function openPatient(): Promise<PatientMachine> {
  const patient = new PatientMachine(await startMachine());
  try {
    await furnish(patient);
  } catch (error) {
    await patient.machine.stop();
    throw error;
  }
  return patient;
}
