// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Identity, Operation } from "./Identity.sol";
import { Change, VERSION_SHIFT } from "./Judge.sol";
import { SECP256K1_HALF_N } from "./Signature.sol";

/// A batch while it is made.
struct Draft {
	uint256 room;        // members it has memory for
	uint256 writtenRoom; // of them written on arrival
	uint256 reserve;     // gas that must be left to go on
	bytes32 domain;
	uint256 count;
	uint256 written;
	uint256 data;        // memory address: the Batch event's data, with the leaves
	uint256 nodes;       // memory address: the leaves' hashes
	bytes records;       // the message's, of those written on arrival
}

/// How a batch grows. By hand: what an operation costs beside its signature, its slot and its bytes is spent here.
library Drafts {
	uint256 private constant SIGNED_BYTES = 416;
	uint256 private constant FORM_BYTES = 832;
	uint256 private constant LEAF_BYTES = 128;
	uint256 private constant DATA_HEAD_BYTES = 160; // guid, prevRoot, root, offset and number of the leaves

	/// None of its memory is zeroed: nothing is read before it is written.
	function create(uint256 room, uint256 writtenRoom) internal pure returns (Draft memory draft) {
		bytes memory records;
		uint256 data;

		assembly ("memory-safe") {
			data := mload(0x40)
			records := add(data, add(DATA_HEAD_BYTES, mul(room, add(LEAF_BYTES, 32))))
			mstore(records, 0)
		}
		draft.room = room;
		draft.writtenRoom = writtenRoom;
		draft.data = data;
		draft.nodes = data + DATA_HEAD_BYTES + room * LEAF_BYTES;
		draft.records = records;
		uint256 size = 32 + writtenRoom * Identity.RECORD_BYTES;

		assembly ("memory-safe") {
			mstore(0x40, and(add(add(records, size), 31), not(31)))
		}
	}

	/// The leaf where the event wants it, and its hash, as Identity.leafOf.
	function addLeaf(
		Draft memory draft,
		bytes32 subject,
		address owner,
		bytes32 data,
		uint64 version
	) internal pure {
		uint256 leaf = draft.data + DATA_HEAD_BYTES + draft.count * LEAF_BYTES;
		uint256 node = draft.nodes + draft.count * 32;

		++draft.count;
		assembly ("memory-safe") {
			mstore(leaf, subject)
			mstore(add(leaf, 32), owner)
			mstore(add(leaf, 64), data)
			mstore(add(leaf, 96), version)
			mstore(0, keccak256(leaf, LEAF_BYTES))
			mstore(node, keccak256(0, 32))
		}
	}

	/// For the member that is added next. In place, from the left: what a word spoils on its right comes after it.
	function addRecord(Draft memory draft, Change memory change, address ownerAfter) internal pure {
		bytes memory records = draft.records;
		uint256 at = draft.written * Identity.RECORD_BYTES;
		uint256 size = at + Identity.RECORD_BYTES;
		uint256 index = draft.count;
		uint256 kind = change.kind;
		uint256 version = change.version;
		bytes32 subject = change.subject;
		address firstOwner = change.firstOwner;
		address owner = change.owner;
		bytes32 data = change.dataHash;

		++draft.written;
		assembly ("memory-safe") {
			mstore(records, size)
			at := add(add(records, 32), at)
			mstore(at, shl(224, index))
			mstore(add(at, 4), shl(248, kind))
			mstore(add(at, 5), shl(192, version))
			mstore(add(at, 13), subject)
			mstore(add(at, 45), shl(96, firstOwner))
			mstore(add(at, 65), shl(96, owner))
			mstore(add(at, 85), shl(96, ownerAfter))
			mstore(add(at, 105), data)
		}
	}

	/// keccak256(abi.encode(leaves))
	function dataHash(Draft memory draft) internal pure returns (bytes32 hash) {
		uint256 data = draft.data;
		uint256 count = draft.count;

		assembly ("memory-safe") {
			mstore(add(data, 96), 32)
			mstore(add(data, 128), count)
			hash := keccak256(add(data, 96), add(64, mul(count, LEAF_BYTES)))
		}
	}

	/// emit Batch(number, requestId, guid, prevRoot, root, leaves)
	function log(
		Draft memory draft,
		bytes32 topic,
		uint256 batch,
		bytes32 requestId,
		bytes32 guid,
		bytes32 prevRoot,
		bytes32 root
	) internal {
		uint256 data = draft.data;
		uint256 count = draft.count;

		assembly ("memory-safe") {
			mstore(data, guid)
			mstore(add(data, 32), prevRoot)
			mstore(add(data, 64), root)
			mstore(add(data, 96), 128)
			mstore(add(data, 128), count)
			log3(data, add(DATA_HEAD_BYTES, mul(count, LEAF_BYTES)), topic, batch, requestId)
		}
	}

	/// Memory for addPlain, with all that is the same in every plain registration.
	function newForm(bytes32 typeHash, bytes32 kindHash, uint256 mainEid, bytes32 domain)
		internal
		pure
		returns (uint256 form)
	{
		assembly ("memory-safe") {
			form := mload(0x40)
			mstore(0x40, add(form, FORM_BYTES))
			// 0: what is signed. homeChainId to dataHash are at 96, deadline is at 384.
			mstore(form, typeHash)
			mstore(add(form, 32), kindHash)
			mstore(add(form, 64), mainEid)
			mstore(add(form, 320), 1) // version
			mstore(add(form, 352), 0) // eager
			// 416: what is hashed to the digest. The struct's hash is at 450.
			mstore(add(form, 416), hex"1901")
			mstore(add(form, 418), domain)
			// 512: what is hashed to the subject. homeChainId, firstOwner and salt are at 544.
			mstore(add(form, 512), 128)
			mstore(add(form, 640), 14)
			mstore(add(form, 672), "ferry-identity")
			// 704: what ecrecover is asked: digest, v, r, s.
		}
	}

	/// Puts operations into the batch from `i` on as long as they are plain registrations, the one thing that comes
	/// in thousands: new, lazy, without a recovery account, in due form and time, signed with the owner's key, while
	/// more gas than draft.reserve is left. Returns the index of the first one that is something else, or in which
	/// something is wrong: what that is, ProxyRegistry._take tells. Takes nothing that would not be taken there, and
	/// does the same with it; it only reads and writes by hand, at a third of the gas beside what cannot be saved.
	/// What lies outside of the calldata reads as 0. `statesSlot`: of a mapping from subjects to State.
	function addPlain(
		Draft memory draft,
		uint256 form,
		Operation[] calldata operations,
		uint256 i,
		uint256 statesSlot
	) internal returns (uint256) {
		uint256 reserve = draft.reserve;
		uint256 end = i + draft.room - draft.count;
		uint256 leaf = draft.data + DATA_HEAD_BYTES + draft.count * LEAF_BYTES;
		uint256 node = draft.nodes + draft.count * 32;

		if (end > operations.length)
			end = operations.length;
		assembly ("memory-safe") {
			mstore(32, statesSlot)
			for { } lt(i, end) { i := add(i, 1) } {
				let operation := add(operations.offset, calldataload(add(operations.offset, shl(5, i))))
				let signature := add(operation, calldataload(add(operation, 352)))
				let first := calldataload(add(operation, 128)) // firstOwner
				let bad := or(
					or(
						or(
							xor(calldataload(operation), 1),                      // kind
							xor(calldataload(add(operation, 32)), 1)              // version
						),
						or(
							calldataload(add(operation, 64)),                     // eager
							xor(calldataload(add(operation, 96)), chainid())      // homeChainId
						)
					),
					or(
						or(
							xor(calldataload(add(operation, 192)), first),        // owner
							calldataload(add(operation, 224))                     // account
						),
						or(
							calldataload(add(operation, 256)),                    // recovery
							gt(timestamp(), calldataload(add(operation, 320)))    // deadline
						)
					)
				)
				bad := or(bad, xor(calldataload(signature), 65))
				bad := or(bad, gt(calldataload(add(signature, 64)), SECP256K1_HALF_N))
				// The consent's length.
				bad := or(bad, calldataload(add(operation, calldataload(add(operation, 384)))))
				if or(bad, lt(gas(), reserve)) { break }

				calldatacopy(add(form, 96), add(operation, 96), 224)
				mstore(add(form, 384), calldataload(add(operation, 320)))
				mstore(add(form, 450), keccak256(form, SIGNED_BYTES))
				mstore(add(form, 704), keccak256(add(form, 416), 66))
				mstore(add(form, 736), byte(0, calldataload(add(signature, 96))))
				calldatacopy(add(form, 768), add(signature, 32), 64)
				pop(staticcall(gas(), 1, add(form, 704), 128, 0, 32))
				// The answer is an address and not 0; or there is none, also when v is neither 27 nor 28.
				if iszero(and(eq(returndatasize(), 32), eq(mload(0), first))) { break }

				calldatacopy(add(form, 544), add(operation, 96), 96)
				mstore(leaf, keccak256(add(form, 512), 192))
				mstore(0, mload(leaf))
				let slot := keccak256(0, 64)
				if sload(slot) { break }
				sstore(slot, shl(VERSION_SHIFT, 1)) // Judge._after
				mstore(add(leaf, 32), first)
				mstore(add(leaf, 64), calldataload(add(operation, 288)))
				mstore(add(leaf, 96), 1)
				mstore(0, keccak256(leaf, LEAF_BYTES))
				mstore(node, keccak256(0, 32))
				leaf := add(leaf, LEAF_BYTES)
				node := add(node, 32)
			}
		}
		draft.count = (node - draft.nodes) / 32;
		return i;
	}
}
