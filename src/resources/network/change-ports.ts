import type { PortChange, PortRequest } from './network.ts';

/** What a change of ports means for those that are open: which close, and which requests are left to be opened. Pure. */
export function changePorts(
  open: readonly PortRequest[],
  { add, remove }: PortChange,
): { closing: PortRequest[]; opening: PortRequest[] } {
  const closing = open.filter((port) => remove.some((wanted) => fits(port, wanted)));
  const kept = open.filter((port) => !closing.includes(port));
  return {
    closing,
    opening: add.filter((wanted) => wanted.hostPort === 0 || !kept.some((port) => fits(port, wanted))),
  };
}

function fits(port: PortRequest, wanted: PortRequest): boolean {
  const { hostPort: first, lastHostPort: last = first } = wanted;
  return (
    port.containerPort === wanted.containerPort &&
    port.protocol === wanted.protocol &&
    (wanted.hostAddress === '' || wanted.hostAddress === port.hostAddress) &&
    (first === 0 || (first <= port.hostPort && port.hostPort <= last))
  );
}
