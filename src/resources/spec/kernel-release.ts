/** Whether a release as uname(2) gives it (`6.1.0-13-amd64`) is this version or later. */
export function kernelAtLeast(release: string, [major, minor]: [number, number]): boolean {
  const found = /^(\d+)\.(\d+)/.exec(release);
  if (!found) return false;
  const [have, haveMinor] = [Number(found[1]), Number(found[2])];
  return have > major || (have === major && haveMinor >= minor);
}
