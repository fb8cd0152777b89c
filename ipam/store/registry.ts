import { createHash } from 'node:crypto';
import { rmSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { defaultDataDir } from '../../conf/configuration.ts';
import { errno } from '../../conf/failure.ts';
import {
  contentOf,
  createFile,
  exists,
  makeOwnFolder,
  namesIn,
  removeFolderIfEmpty,
  replaceBy,
} from './files.ts';

/** The folder for state of the node that belongs to no single network: in memory, because it ends with the boot. */
export const defaultNodeState = '/run/dualstack/.node';

function fileName(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 32);
}

/**
 * What belongs to the one table of a node, whatever networks and folders of leases there are. A node is a network
 * namespace: several may share a file system.
 *
 *     <folder>/<inode of the namespace>/data-dirs/<digest>   names a folder that has leases
 *     <folder>/<inode of the namespace>/left-over/<digest>   what could not be taken out of the table, a line each
 *     <folder>/<inode of the namespace>/known/<subject>      what was found of something at the last look
 */
export class NodeRegistry {
  readonly #root: string;
  readonly #folder: string;

  /** @param folder defaultNodeState, but in tests. */
  constructor(folder: string) {
    this.#root = folder;
    this.#folder = `${folder}/${statSync('/proc/self/ns/net').ino}`;
  }

  /**
   * Notes a folder of leases that holds an entry by now, once. The default folder needs no note. Where none can be written,
   * pods start all the same: their part of the table comes back with an ADD of their folder alone.
   */
  note(dataDir: string): void {
    if (dataDir === defaultDataDir) return;
    try {
      const name = fileName(dataDir);
      if (!exists(`${this.#folder}/data-dirs/${name}`)) this.#write('data-dirs', name, dataDir);
    } catch {
      // Of this node alone, and only until the next ADD.
    }
  }

  /**
   * Forgets a folder of leases when there is nothing in it.
   *
   * @param isEmpty asked again after that: an ADD writes its entry before its note, and may have found this one.
   */
  forget(dataDir: string, isEmpty: () => boolean): void {
    if (dataDir === defaultDataDir || !isEmpty()) return;
    this.#remove('data-dirs', fileName(dataDir));
    if (!isEmpty()) this.note(dataDir);
  }

  /** The folders of leases that are there, and one more. */
  dataDirs(own: string): string[] {
    const noted = this.#contents('data-dirs').filter((dataDir) => exists(dataDir));
    return [...new Set([own, defaultDataDir, ...noted])];
  }

  /** Notes what could not be removed: a line of JSON. @throws when nothing can be written. */
  noteLeftOver(line: string): void {
    this.#write('left-over', fileName(line), line);
  }

  leftOver(): string[] {
    return this.#contents('left-over');
  }

  forgetLeftOver(line: string): void {
    this.#remove('left-over', fileName(line));
  }

  /** What was remembered of a subject. */
  recall(subject: string): string | undefined {
    return contentOf(`${this.#folder}/known/${subject}`);
  }

  /** Spares the next calls a look. Where nothing can be written, they look again. */
  remember(subject: string, what: string): void {
    try {
      if (this.recall(subject) !== what) this.#write('known', subject, what);
    } catch {
      // It costs some milliseconds.
    }
  }

  /** And the folders that are empty then. */
  #remove(kind: string, name: string): void {
    rmSync(`${this.#folder}/${kind}/${name}`, { force: true });
    for (let folder = `${this.#folder}/${kind}`; folder.startsWith(this.#root); folder = dirname(folder)) {
      removeFolderIfEmpty(folder);
    }
  }

  #contents(kind: string): string[] {
    const folder = `${this.#folder}/${kind}`;
    return namesIn(folder).flatMap((name) => contentOf(`${folder}/${name}`) ?? []);
  }

  /** Another call may remove the folders, which it found empty, between our steps: then they are made again. */
  #write(kind: string, name: string, content: string, tries = 10): void {
    const folder = `${this.#folder}/${kind}`;
    try {
      makeOwnFolder(folder);
      const scratch = `${this.#folder}/.${process.pid}.${name}`;
      createFile(scratch, content);
      replaceBy(scratch, `${folder}/${name}`);
    } catch (error) {
      if (errno(error) !== 'ENOENT' || tries === 1) throw error;
      this.#write(kind, name, content, tries - 1);
    }
  }
}
