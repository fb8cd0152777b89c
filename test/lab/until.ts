import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 50;

/**
 * Asks again and again until `attempt` does not throw, and returns what it returned.
 * After `deadlineMs` the last refusal is the cause of the error, which says what was waited for.
 */
export async function until<T>(what: string, attempt: () => Promise<T>, deadlineMs = 20_000): Promise<T> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    try {
      return await attempt();
    } catch (cause) {
      if (Date.now() > end) throw new Error(`waited ${deadlineMs} ms for ${what}`, { cause });
      await sleep(pauseMs);
    }
  }
}
