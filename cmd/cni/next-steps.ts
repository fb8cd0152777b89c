import { codes, type Failure } from '../../conf/failure.ts';
import { CommandError } from '../../netns/process/exec.ts';

const correct = 'correct the network configuration: "dualstack doctor" says what is wrong with it, and where';
const look = '"dualstack doctor" looks for the cause on this host';

/** What to do about an error without more specific advice, by its code. */
const nextSteps: Readonly<Record<number, string>> = {
  [codes.version]:
    'give the network configuration a cniVersion that has it: "dualstack --version" lists ours',
  [codes.unsupportedField]: 'give the network configuration a newer cniVersion, as "1.0.0"',
  [codes.environment]: 'the container runtime called us so: look at its version and its log',
  [codes.io]: look,
  [codes.decoding]: correct,
  [codes.configuration]: correct,
  [codes.ownNamespace]:
    'the pod needs a network namespace of its own; CNI_NETNS_OVERRIDE=1 has it done all the same',
  [codes.tryAgain]: 'nothing is lost: the container runtime tries again',
  [codes.notAvailable]: look,
  [codes.exhausted]: '"dualstack leases" shows who has the addresses',
  [codes.inUse]: '"dualstack leases" shows who has which addresses',
  [codes.wiring]: look,
  [codes.altered]: 'delete the pod, so that it is created again; "dualstack doctor" looks for the cause',
  [codes.internal]: 'this is a fault of the plugin, or of the IPAM plugin that it names: please report it',
};

/** What a program said, when that is all that the details hold. */
function answerIn({ cause }: Failure): string {
  return cause instanceof CommandError ? cause.stderr.trim() : '';
}

/** The details of an error. They always end with the next step, because the system's answer does not contain one. */
export function withNextStep(failure: Failure): string {
  const { details, code } = failure;
  if (details !== '' && details !== answerIn(failure)) return details;
  return [details, nextSteps[code] ?? look].filter((part) => part !== '').join('; ');
}
