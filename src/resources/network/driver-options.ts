import { invalid, unsupported } from '../../foundation/base/errors.ts';
import { findIpAddress, formatIpAddress } from '../../foundation/base/ip-address.ts';
import { checkInterfaceName } from './names.ts';
import type { NetworkInfo } from './network.ts';

/** What the options of a network's driver mean. Names are Docker's; one that has no meaning here is refused rather than ignored. */
export interface BridgeOptions {
  bridgeName?: string;
  /** Containers of the network reach each other. */
  betweenContainers: boolean;
  /** What leaves takes the host's address. */
  masquerade: boolean;
  /** Where ports are published that name no address. */
  hostAddress: string;
  /** What leaves takes this address, by family; that of the interface by which it leaves when absent. */
  sourceAddress: { 4?: string; 6?: string };
  /** Whether the bridge has the gateway's address. */
  hasAddress: { 4: boolean; 6: boolean };
  /** Whoever has a route to them reaches all ports of containers. */
  isOpen: { 4: boolean; 6: boolean };
  mtu?: number;
}

export interface SublinkOptions {
  /** Of the host; absent: an interface of ours that leads nowhere. */
  parent?: string;
  mode: number;
  flags: number;
  mtu?: number;
}

type Options = Readonly<Record<string, string>>;

const mtuOption = 'com.docker.network.driver.mtu';
/** Of every driver: how interfaces inside are called. */
export const interfacePrefixOption = 'com.docker.network.container_iface_prefix';

const bridgeKeys = {
  name: 'com.docker.network.bridge.name',
  betweenContainers: 'com.docker.network.bridge.enable_icc',
  masquerade: 'com.docker.network.bridge.enable_ip_masquerade',
  hostAddress: 'com.docker.network.bridge.host_binding_ipv4',
  sourceIpv4: 'com.docker.network.host_ipv4',
  sourceIpv6: 'com.docker.network.host_ipv6',
  inhibitIpv4: 'com.docker.network.bridge.inhibit_ipv4',
  gatewayModeIpv4: 'com.docker.network.bridge.gateway_mode_ipv4',
  gatewayModeIpv6: 'com.docker.network.bridge.gateway_mode_ipv6',
} as const;
const gatewayModes = ['nat', 'nat-unprotected', 'isolated'] as const;

export function readBridgeOptions(options: Options): BridgeOptions {
  refuseUnknown('bridge', options, Object.values(bridgeKeys));
  const name = options[bridgeKeys.name];
  const sourceIpv4 = address(options, bridgeKeys.sourceIpv4, 4);
  const sourceIpv6 = address(options, bridgeKeys.sourceIpv6, 6);
  const mode4 = gatewayMode(options, bridgeKeys.gatewayModeIpv4);
  const mode6 = gatewayMode(options, bridgeKeys.gatewayModeIpv6);
  return {
    ...(name ? { bridgeName: checkInterfaceName(name) } : {}),
    betweenContainers: flag(options, bridgeKeys.betweenContainers),
    masquerade: flag(options, bridgeKeys.masquerade),
    hostAddress: address(options, bridgeKeys.hostAddress, 4),
    sourceAddress: { ...(sourceIpv4 ? { 4: sourceIpv4 } : {}), ...(sourceIpv6 ? { 6: sourceIpv6 } : {}) },
    hasAddress: {
      4: mode4 !== 'isolated' && !flag(options, bridgeKeys.inhibitIpv4, 'false'),
      6: mode6 !== 'isolated',
    },
    isOpen: { 4: mode4 === 'nat-unprotected', 6: mode6 === 'nat-unprotected' },
    ...mtuOf(options),
  };
}

function address(options: Options, key: string, family: 4 | 6): string {
  const text = options[key] ?? '';
  const found = findIpAddress(text);
  if (text !== '' && found?.family !== family) throw unparsed(key, text, 'nil ip');
  return found ? formatIpAddress(found) : '';
}

function gatewayMode(options: Options, key: string): (typeof gatewayModes)[number] {
  const text = options[key] || 'nat';
  const mode = gatewayModes.find((known) => known === text);
  if (mode) return mode;
  if (text === 'routed')
    throw unsupported(`gateway mode routed is not supported (${key})`, {
      code: 'network-option',
      hint: 'nat-unprotected leaves containers reachable by their own addresses too',
    });
  throw wrong(key, text, `one of ${gatewayModes.join(', ')}`);
}

/** IFLA_MACVLAN_MODE (if_link.h). */
const macvlanModes: Readonly<Record<string, number>> = { private: 1, vepa: 2, bridge: 4, passthru: 8 };

export function readMacvlanOptions(options: Options): SublinkOptions {
  refuseUnknown('macvlan', options, ['parent', 'macvlan_mode']);
  return {
    ...parentOf(options),
    mode: choice(options, 'macvlan_mode', macvlanModes, {
      otherwise: 'bridge',
      refusal: (word) =>
        `requested macvlan mode '${word}' is not valid, 'bridge' mode is the macvlan driver default`,
    }),
    flags: 0,
    ...mtuOf(options),
  };
}

/** IFLA_IPVLAN_MODE and IFLA_IPVLAN_FLAGS (if_link.h). */
const ipvlanModes: Readonly<Record<string, number>> = { l2: 0, l3: 1, l3s: 2 };
const ipvlanFlags: Readonly<Record<string, number>> = { bridge: 0, private: 1, vepa: 2 };

export function readIpvlanOptions(options: Options): SublinkOptions {
  refuseUnknown('ipvlan', options, ['parent', 'ipvlan_mode', 'ipvlan_flag']);
  return {
    ...parentOf(options),
    mode: choice(options, 'ipvlan_mode', ipvlanModes, {
      otherwise: 'l2',
      refusal: (word) =>
        `requested ipvlan mode '${word}' is not valid, 'l2' mode is the ipvlan driver default`,
    }),
    flags: choice(options, 'ipvlan_flag', ipvlanFlags, {
      otherwise: 'bridge',
      refusal: (word) =>
        `requested ipvlan flag '${word}' is not valid, 'bridge' is the ipvlan driver default`,
    }),
    ...mtuOf(options),
  };
}

/** Refuses options that mean nothing to the driver. */
export function checkDriverOptions(
  driver: NetworkInfo['driver'],
  options: Options,
  { internal }: { internal: boolean },
): void {
  if (driver === 'bridge') checkIsolated(options, internal);
  else if (driver === 'macvlan') readMacvlanOptions(options);
  else if (driver === 'ipvlan') readIpvlanOptions(options);
}

function checkIsolated(options: Options, internal: boolean): void {
  readBridgeOptions(options);
  const keys = [bridgeKeys.gatewayModeIpv4, bridgeKeys.gatewayModeIpv6];
  if (!internal && keys.some((key) => options[key] === 'isolated'))
    throw invalid('gateway mode isolated is for internal networks', {
      code: 'network-option',
      hint: 'create the network with --internal',
    });
}

function refuseUnknown(driver: string, options: Options, known: readonly string[]): void {
  for (const option of Object.keys(options))
    if (!known.includes(option) && option !== mtuOption && option !== interfacePrefixOption)
      throw unsupported(`network option ${JSON.stringify(option)} is not supported by the ${driver} driver`, {
        code: 'network-option',
        hint: `known options: ${[...known, mtuOption, interfacePrefixOption].join(', ')}`,
      });
}

function parentOf(options: Options): { parent?: string } {
  const { parent } = options;
  return parent ? { parent: checkInterfaceName(parent) } : {};
}

function mtuOf(options: Options): { mtu?: number } {
  const text = options[mtuOption];
  if (text === undefined || text === '' || text === '0') return {};
  if (!/^[-+]?\d{1,15}$/.test(text))
    throw unparsed(
      mtuOption,
      text,
      `strconv.Atoi: parsing ${JSON.stringify(text.slice(0, 80))}: invalid syntax`,
    );
  const mtu = Number(text);
  if (mtu < 0) throw invalid(`invalid MTU number: ${mtu}`, { code: 'network-option' });
  // IPv6 needs 1280 (RFC 8200, 5); the kernel's bridges end at 65535.
  if (mtu < 68 || mtu > 65_535) throw wrong(mtuOption, text, 'a number from 68 to 65535');
  return { mtu };
}

function flag(options: Options, key: string, otherwise: 'true' | 'false' = 'true'): boolean {
  const text = options[key] ?? otherwise;
  if (['true', '1', 't', 'T', 'TRUE', 'True'].includes(text)) return true;
  if (['false', '0', 'f', 'F', 'FALSE', 'False'].includes(text)) return false;
  throw unparsed(
    key,
    text,
    `strconv.ParseBool: parsing ${JSON.stringify(text.slice(0, 80))}: invalid syntax`,
  );
}

function choice(
  options: Options,
  key: string,
  values: Readonly<Record<string, number>>,
  { otherwise, refusal }: { otherwise: string; refusal: (word: string) => string },
): number {
  const word = options[key] || otherwise;
  const value = Object.hasOwn(values, word) ? values[word] : undefined;
  if (value === undefined)
    throw invalid(refusal(word.slice(0, 80)), {
      code: 'network-option',
      hint: `${key} is one of ${Object.keys(values).join(', ')}`,
    });
  return value;
}

/** In the words of Docker's bridge driver, which are those of Go's parsers. */
function unparsed(key: string, value: string, why: string): Error {
  return invalid(`failed to parse ${key} value: ${value.slice(0, 80)} (${why})`, { code: 'network-option' });
}

function wrong(key: string, value: string, want: string): Error {
  return invalid(
    `invalid value ${JSON.stringify(value.slice(0, 80))} of network option ${key}: want ${want}`,
    {
      code: 'network-option',
    },
  );
}
