/** Says what goes on just now. */
export type Progress = (what: string) => void;

/** On a terminal one line that changes; else a line for each thing that begins. */
export function openProgress(): Progress & { done: () => void } {
  const { stderr } = process;
  const begun = Date.now();
  let stage = '';
  const progress = (what: string) => {
    const seconds = `${Math.round((Date.now() - begun) / 1000)} s`.padStart(6);
    const [name = ''] = what.split(':');
    if (stderr.isTTY) stderr.write(`\r\x1b[K${seconds}  ${what}`.slice(0, 86));
    else if (name !== stage) stderr.write(`${seconds}  ${name}\n`);
    stage = name;
  };
  const done = () => void (stderr.isTTY && stderr.write('\r\x1b[K'));
  return Object.assign(progress, { done });
}
