/** What a name of the field must be before it becomes part of a path: of a network, a container, or a plugin. */
export const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;

export function isName(text: string): boolean {
  return namePattern.test(text);
}
