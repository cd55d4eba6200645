/** DNS over TCP: every message is preceded by its length in two bytes (RFC 1035, 4.2.2). */
export interface FrameReader {
  push(bytes: Uint8Array): void;
}

export function createFrameReader(onMessage: (message: Uint8Array) => void): FrameReader {
  let held = Buffer.alloc(0);
  return {
    push(bytes) {
      held = held.length === 0 ? Buffer.from(bytes) : Buffer.concat([held, bytes]);
      while (held.length >= 2) {
        const length = held.readUInt16BE(0);
        if (held.length < 2 + length) return;
        onMessage(held.subarray(2, 2 + length));
        held = held.subarray(2 + length);
      }
    },
  };
}

export function frame(message: Uint8Array): Buffer {
  const bytes = Buffer.alloc(2 + message.length);
  bytes.writeUInt16BE(message.length, 0);
  bytes.set(message, 2);
  return bytes;
}
