import { ExecaError } from 'execa';
import { until } from '../../lab/until.ts';
import type { Host } from './host.ts';

/** An object of the API, of which a test reads what it knows to be there. */
// biome-ignore lint/suspicious/noExplicitAny: the API's objects are wide, and each test reads a few fields of them.
export type ApiObject = any;

/** kubectl on the control plane's host, as the administrator. */
export class Kubectl {
  readonly #host: Host;

  constructor(host: Host) {
    this.#host = host;
  }

  /** @returns its standard output. @throws as execa does. */
  run(...args: string[]): Promise<string> {
    return this.#host.run('kubectl', ...args);
  }

  async get(...args: string[]): Promise<ApiObject> {
    return JSON.parse(await this.run('get', '-o', 'json', ...args));
  }

  async items(...args: string[]): Promise<ApiObject[]> {
    return (await this.get(...args)).items;
  }

  async apply(...objects: object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await this.#host.feed(JSON.stringify(list), 'kubectl', 'apply', '-f', '-');
  }

  /** @returns the object as the API server made it. */
  async create(object: object): Promise<ApiObject> {
    const words = ['create', '--output=json', '--filename=-'];
    return JSON.parse(await this.#host.feed(JSON.stringify(object), 'kubectl', ...words));
  }

  /** Creates an object that the API server is to refuse. @returns what it says. @throws when it takes the object. */
  async refusal(object: object): Promise<string> {
    try {
      await this.#host.feed(JSON.stringify(object), 'kubectl', 'create', '-f', '-');
    } catch (error) {
      if (error instanceof ExecaError) return `${error.stderr}`;
      throw error;
    }
    throw new Error(`the API server took ${JSON.stringify(object)}`);
  }

  /** Asks for an object until it is as wanted; the error has the last state. */
  async until(
    what: string,
    args: readonly string[],
    wanted: (object: ApiObject) => boolean,
    deadlineMs = 120_000,
  ): Promise<ApiObject> {
    return until(
      what,
      async () => {
        const object = await this.get(...args);
        if (wanted(object)) return object;
        throw new Error(JSON.stringify(object.status ?? object));
      },
      deadlineMs,
    );
  }
}
