/** What can be done with a repository: read, write, remove. The words of the token specification's scopes. */
export const actions = ['pull', 'push', 'delete'] as const;
export type Action = (typeof actions)[number];

export const isAction = (text: string): text is Action => (actions as readonly string[]).includes(text);
