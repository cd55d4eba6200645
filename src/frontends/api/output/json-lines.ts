import type { ApiCall } from '../call.ts';
import { toSiloError } from '../../../foundation/base/errors.ts';
import type { Outgoing } from '../../../foundation/http/http.ts';
import type { JsonMessage } from '../../../foundation/wire/docker/json-message.ts';

/** A stream of JSON messages that begins with the first one: until then a failure is an ordinary error answer. */
export interface JsonLines<Message extends object> {
  write(message: Message): void;
}

/**
 * Runs work that reports by messages. A failure before the first message is thrown and becomes a status; a later one becomes Docker's last message
 * with `error` and `errorDetail`. The stream is opened in any case.
 */
export async function streamMessages<Message extends object = JsonMessage>(
  call: ApiCall,
  contentType: string,
  work: (lines: JsonLines<Message>) => Promise<void>,
): Promise<void> {
  let output: Outgoing | undefined;
  const open = (): Outgoing => (output ??= call.exchange.stream(200, contentType));
  try {
    await work({ write: (message) => void open().write(`${JSON.stringify(message)}\r\n`) });
  } catch (thrown) {
    if (output === undefined) throw thrown;
    const { message } = toSiloError(thrown);
    output.write(`${JSON.stringify({ errorDetail: { message }, error: message })}\r\n`);
  }
  open().end();
}
