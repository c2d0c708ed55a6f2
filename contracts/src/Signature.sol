// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { IERC1271 } from "@openzeppelin/contracts/interfaces/IERC1271.sol";

// s of a signature is at most this: each has one form only.
uint256 constant SECP256K1_HALF_N = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

/// Whether an account signed a digest: with its key, or as a contract wallet by ERC-1271.
library Signature {
	uint256 internal constant WALLET_GAS = 100_000; // of one ERC-1271 question
	bytes32 private constant DOMAIN_TYPEHASH = keccak256(
		"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
	);
	/// ecrecover first, so that an account that has code by EIP-7702 can still sign with its key.
	/// ecrecover answers 0 for a signature that is none: `account` must not be 0.
	function isBy(address account, bytes32 digest, bytes calldata signature)
		internal
		view
		returns (bool yes)
	{
		if (signature.length == 65) {
			bytes32 r;
			bytes32 s;
			uint8 v;

			assembly ("memory-safe") {
				r := calldataload(signature.offset)
				s := calldataload(add(signature.offset, 32))
				v := byte(0, calldataload(add(signature.offset, 64)))
			}
			if (
				(v == 27 || v == 28) && uint256(s) <= SECP256K1_HALF_N
					&& ecrecover(digest, v, r, s) == account
			) return true;
		}
		if (account.code.length == 0)
			return false;
		return isByWallet(account, digest, signature);
	}

	/// By ERC-1271 alone.
	function isByWallet(address account, bytes32 digest, bytes calldata signature)
		internal
		view
		returns (bool yes)
	{
		bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
		bytes32 magic = bytes32(IERC1271.isValidSignature.selector);
		// By hand: only one word of the answer is ever copied, however much a wallet returns.
		assembly ("memory-safe") {
			yes := staticcall(WALLET_GAS, account, add(question, 32), mload(question), 0, 32)
			yes := and(yes, and(gt(returndatasize(), 31), eq(mload(0), magic)))
		}
	}

	/// The EIP-712 domain of the contract that asks.
	function domainSeparator() internal view returns (bytes32) {
		return keccak256(
			abi.encode(DOMAIN_TYPEHASH, keccak256("Ferry"), keccak256("1"), block.chainid, address(this))
		);
	}

	/// keccak256(abi.encodePacked(hex"1901", domain, structHash))
	function digestOf(bytes32 domain, bytes32 structHash) internal pure returns (bytes32 digest) {
		assembly ("memory-safe") {
			let free := mload(0x40)

			mstore(free, hex"1901")
			mstore(add(free, 2), domain)
			mstore(add(free, 34), structHash)
			digest := keccak256(free, 66)
		}
	}
}
