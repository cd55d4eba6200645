/**
 * Resolves when all that was written is with the kernel; nothing can be written after it. Bun's standard streams say that nothing is left, and that an empty
 * write is done, while bytes for a slow reader at the other end of a socket (which is what Node's and Bun's `spawn` give to a child) still wait in this process:
 * only the end waits for them. A reader that has gone is an end too.
 */
export function finishOutput(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on('error', () => resolve());
    stream.on('close', () => resolve());
    stream.end(() => resolve());
  });
}
