// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// What an owner asks for, signed. `signature` and `consent` are over the digest of
/// ProxyRegistry.hashOperation; everything else stands in it.
struct Operation {
	uint8 kind;          // Identity.REGISTER … REVOKE
	uint64 version;      // register: 1. Else larger than any the registry saw of this subject
	bool eager;          // written to the main registry on arrival; rotations and revocations always are
	uint256 homeChainId; // chain of the registration
	address firstOwner;
	bytes32 salt;
	address owner;       // today's, who signs
	address account;     // link: the account that joins. Rotate: the next owner. Else 0
	address recovery;    // register, update: who may sign a rotation instead of the owner. Else 0
	bytes32 dataHash;    // afterwards. Revoke: 0
	uint256 deadline;    // last second it may be submitted
	bytes signature;     // the owner's. Rotate: or the recovery account's
	bytes consent;       // link, rotate: the account's. Else empty
}

/// What an identity is after an operation. A revocation has owner 0 and dataHash 0.
struct Leaf {
	bytes32 subject;
	address owner;
	bytes32 dataHash;
	uint64 version;
}

/// The words both registries use.
///
/// Batch, proxy to main, packed: version u8 = 1 | type u8 = 1 | number u64 | submitter 20 | requestId 32 |
/// prevRoot 32 | root 32 | count u32 | dataHash 32 | n u16 | n records: index u32 | kind u8 | version u64 |
/// subject 32 | firstOwner 20 | owner before 20 | owner after 20 | dataHash 32
///
/// Answer, main to proxy, packed: version u8 = 1 | type u8 = 2 | requestId 32 | n u16 | n times:
/// number u64 | root 32 | accepted u32 | r u16 | r indexes u32
library Identity {
	uint8 internal constant REGISTER = 1;
	uint8 internal constant UPDATE = 2;
	uint8 internal constant LINK = 3;
	uint8 internal constant ROTATE = 4;
	uint8 internal constant REVOKE = 5;

	bytes2 internal constant BATCH = 0x0101;
	bytes2 internal constant ANSWER = 0x0102;
	uint256 internal constant BATCH_HEADER_BYTES = 164;
	uint256 internal constant RECORD_BYTES = 137;
	uint256 internal constant ANSWER_HEADER_BYTES = 36;
	uint256 internal constant ANSWER_ENTRY_BYTES = 46;
	uint256 internal constant ANSWER_INDEX_BYTES = 4;

	/// Longer than any path in a tree of 2^32 leaves.
	uint256 internal constant PATH_MAX = 32;

	/// Derived from its first owner: nobody else can take it, on any chain.
	function subjectOf(uint256 homeChainId, address firstOwner, bytes32 salt)
		internal
		pure
		returns (bytes32)
	{
		return keccak256(abi.encode("ferry-identity", homeChainId, firstOwner, salt));
	}

	/// Hashed twice: no node above can pass for a leaf.
	function leafOf(bytes32 subject, address owner, bytes32 dataHash, uint64 version)
		internal
		pure
		returns (bytes32)
	{
		return keccak256(bytes.concat(keccak256(abi.encode(subject, owner, dataHash, version))));
	}

	/// The root over `count` > 0 hashes that lie in memory from `nodes` on, and are used up. One without a pair
	/// goes up as it is.
	function rootOf(uint256 nodes, uint256 count) internal pure returns (bytes32 root) {
		assembly ("memory-safe") {
			for { } gt(count, 1) { } {
				let pairs := shr(1, count)
				let from := nodes
				let to := nodes

				for { let end := add(nodes, shl(6, pairs)) } lt(from, end) { from := add(from, 64) } {
					let a := mload(from)
					let b := mload(add(from, 32))
					let swapped := shl(5, gt(a, b))

					// The smaller one first, as in parentOf.
					mstore(swapped, a)
					mstore(xor(swapped, 32), b)
					mstore(to, keccak256(0, 64))
					to := add(to, 32)
				}
				if and(count, 1) { mstore(to, mload(from)) }
				count := sub(count, pairs)
			}
			root := mload(nodes)
		}
	}

	function isUnder(bytes32 root, bytes32 leaf, bytes32[] calldata path) internal pure returns (bool) {
		if (root == 0 || path.length > PATH_MAX)
			return false;
		for (uint256 i = 0; i < path.length; ++i)
			leaf = parentOf(leaf, path[i]);
		return leaf == root;
	}

	/// The smaller one first, so that a path needs no directions.
	function parentOf(bytes32 a, bytes32 b) internal pure returns (bytes32 node) {
		if (a > b)
			(a, b) = (b, a);
		assembly ("memory-safe") {
			mstore(0, a)
			mstore(32, b)
			node := keccak256(0, 64)
		}
	}
}
