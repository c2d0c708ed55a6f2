// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// Signatures of wallets that need not be deployed yet (ERC-6492):
/// abi.encode(address factory, bytes factoryData, bytes signature), then 32 bytes that say so.
library Wrapped {
	bytes32 internal constant MAGIC =
		0x6492649264926492649264926492649264926492649264926492649264926492;
	uint256 private constant LEAST_BYTES = 160; // three words, and two lengths

	function isOne(bytes calldata signature) internal pure returns (bool yes) {
		return signature.length >= 32 && bytes32(signature[signature.length - 32:]) == MAGIC;
	}

	/// After isOne. Not ok: it does not hold what it should. Nothing outside of it is read.
	function open(bytes calldata signature)
		internal
		pure
		returns (bool ok, address factory, bytes calldata data, bytes calldata inner)
	{
		bytes calldata body = signature[:signature.length - 32];

		data = inner = body[:0];
		if (body.length < LEAST_BYTES || uint256(bytes32(body[:32])) >> 160 != 0)
			return (false, factory, data, inner);
		factory = address(uint160(uint256(bytes32(body[:32]))));
		(ok, data) = _part(body, 32);
		if (ok)
			(ok, inner) = _part(body, 64);
	}

	/// The bytes whose offset stands at `slot`.
	function _part(bytes calldata body, uint256 slot) private pure returns (bool, bytes calldata) {
		uint256 at = uint256(bytes32(body[slot:slot + 32]));

		if (at > body.length - 32)
			return (false, body[:0]);
		uint256 size = uint256(bytes32(body[at:at + 32]));

		if (size > body.length - 32 - at)
			return (false, body[:0]);
		return (true, body[at + 32:at + 32 + size]);
	}
}
