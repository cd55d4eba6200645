import type { Api } from '../api.ts';
import { refuseErrors } from '../engines/engine.ts';

/** Pulls a reference with a tag. */
export async function pullReference(api: Api, reference: string): Promise<void> {
  const separator = reference.lastIndexOf(':');
  const query = new URLSearchParams({
    fromImage: reference.slice(0, separator),
    tag: reference.slice(separator + 1),
  });
  const reply = await api.call('POST', `/images/create?${query.toString()}`);
  refuseErrors(reply.text);
}

/** Removes it, if it is there. */
export async function removeReference(api: Api, reference: string): Promise<void> {
  await api.call('DELETE', `/images/${reference}?force=true`, { accept: [404] });
}
