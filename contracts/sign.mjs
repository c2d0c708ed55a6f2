// SPDX-License-Identifier: Apache-2.0
// What a wallet does with the typed data of a quote.
import { privateKeyToAccount } from 'viem/accounts';

/** The signature, as hex, of {domain, types, primaryType, message} by a private key. */
export function signTypedData(privateKey, { domain, types: { EIP712Domain: _, ...types }, primaryType, message }) {
	return privateKeyToAccount(privateKey).signTypedData({ domain, types, primaryType, message });
}

/** The account of a private key as CAIP-10 writes it. */
export const accountOn = (chainId, privateKey) => `eip155:${chainId}:${privateKeyToAccount(privateKey).address}`;
