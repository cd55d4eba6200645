/** Docker's rules on this machine drop what other engines' bridges carry; `silo doctor` says so. */
export const bridgedIsDropped = (): boolean => {
  const policy = Bun.spawnSync(['sh', '-c', 'iptables -S FORWARD 2>/dev/null | head -n 1']).stdout.toString();
  if (policy.includes('DROP'))
    console.log('skipped: traffic over the bridge: a Docker on this machine drops it');
  return policy.includes('DROP');
};
