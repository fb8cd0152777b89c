/**
 * `client.ts tcp|udp ADDRESS PORT …`: asks each of these in turn, once, and prints the answers, each on its own line;
 * after a second without one it fails.
 */
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';

const deadline = 1000;

type Answer = (answer: string) => void;
type Refuse = (error: Error) => void;

function askTcp(host: string, port: number, answer: Answer, refuse: Refuse): void {
  let text = '';
  const socket = connect({ host, port });
  socket.setEncoding('utf8').on('data', (part: string) => {
    text += part;
  });
  socket.on('error', refuse);
  socket.on('end', () => answer(text));
}

function askUdp(host: string, port: number, answer: Answer, refuse: Refuse): void {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
  socket.on('message', (message) => {
    socket.close();
    answer(message.toString());
  });
  socket.on('error', refuse);
  socket.send('?', port, host);
}

async function ask(transport: string, host: string, port: string): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const question = `${transport} ${host} ${port}`;
  try {
    return await new Promise<string>((answer, refuse) => {
      timer = setTimeout(() => refuse(new Error(`no answer within ${deadline} ms`)), deadline);
      if (transport === 'tcp') askTcp(host, Number(port), answer, refuse);
      else askUdp(host, Number(port), answer, refuse);
    });
  } catch (cause) {
    throw new Error(question, { cause });
  } finally {
    clearTimeout(timer);
  }
}

const words = process.argv.slice(2);
try {
  for (let at = 0; at < words.length; at += 3) {
    const [transport = '', host = '', port = ''] = words.slice(at, at + 3);
    console.log(await ask(transport, host, port));
  }
  process.exit();
} catch (error) {
  const { message, cause } = error as Error;
  console.error(`${message}: ${cause instanceof Error ? cause.message : cause}`);
  process.exit(1);
}
