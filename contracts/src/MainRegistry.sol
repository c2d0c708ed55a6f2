// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Origin } from "@layerzerolabs/oapp-evm/contracts/oapp/OApp.sol";
import {
	MessagingParams
} from "@layerzerolabs/lz-evm-protocol-v2/contracts/interfaces/ILayerZeroEndpointV2.sol";
import { Identity, Leaf } from "./Identity.sol";
import { Sender } from "./Sender.sol";

/// Where identities are final. Takes each proxy registry's batches in order, each chained to the one before.
/// A member of a batch is proven by its path to the root, and written to state by anyone's claim; rotations,
/// revocations and what else is eager come in full and are written on arrival: of two that race through
/// different proxies the first one counts, the other is rejected.
contract MainRegistry is Sender {
	struct Record {
		address owner;     // 0: never written, or revoked
		uint64 version;
		bool revoked;
		bytes32 dataHash;
	}

	struct Batch {
		bytes32 root;      // 0: never came, or passed over
		uint32 count;
		uint32[] rejected; // indexes of members that came in full and were not written
	}

	/// Of one proxy.
	struct Progress {
		uint64 last;       // batch
		uint64 answered;   // batch
	}

	// Reasons of Rejected.
	uint8 public constant REVOKED = 1;
	uint8 public constant STALE_VERSION = 2;
	uint8 public constant WRONG_OWNER = 3;
	/// Recorded.kind of a claim.
	uint8 public constant CLAIM = 0;

	uint256 public constant ANSWERS_MAX = 32; // batches a message
	/// Gas of EndpointV2.lzReceive for an answer, each batch in it, and each rejected member.
	uint256 public constant ANSWER_GAS = 100_000;
	uint256 public constant ANSWER_GAS_BATCH = 55_000;
	uint256 public constant ANSWER_GAS_REJECTED = 1_000;

	mapping(bytes32 subject => Record) private records;
	mapping(uint32 srcEid => mapping(uint64 number => Batch)) private batches;
	mapping(uint32 srcEid => mapping(uint64 number => bytes32 root)) private passedRoots;
	mapping(uint32 srcEid => Progress) public progressOf;

	event BatchAccepted(
		uint32 indexed srcEid,
		uint64 indexed batch,
		bytes32 root,
		uint32 count,
		uint32 rejected
	);
	event BatchPassed(uint32 indexed srcEid, uint64 indexed batch, bytes32 root);
	/// An identity's state was written. kind: the operation's, or CLAIM. ref: the leaf's hash.
	event Recorded(bytes32 indexed subject, uint8 kind, uint32 srcEid, uint64 batch, bytes32 ref);
	event Rejected(
		uint32 indexed srcEid,
		uint64 indexed batch,
		uint32 index,
		bytes32 subject,
		uint8 reason
	);

	error AlreadyClaimed();
	error BatchOutOfOrder(uint64 expected, uint64 got);
	error IsRevoked();
	error NotMember();
	error NothingToAnswer();
	error StaleVersion();
	error WrongOwner(address owner);
	error WrongPrevRoot(bytes32 expected, bytes32 got);

	constructor(address endpoint_, address owner_) Sender(endpoint_, owner_) {}

	/// Writes a member of a batch to state. For anyone.
	function claim(Leaf calldata reg, uint32 srcEid, uint64 batch, bytes32[] calldata path) external {
		Record storage record = records[reg.subject];
		bytes32 leaf = _leafOf(reg);
		bytes4 reason = _standing(reg);

		if (!_isUnder(reg, leaf, srcEid, batch, path))
			revert NotMember();
		if (reason == WrongOwner.selector)
			revert WrongOwner(record.owner);
		if (reason != 0)
			assembly ("memory-safe") {
				mstore(0, reason)
				revert(0, 4)
			}
		record.owner = reg.owner;
		record.version = reg.version;
		record.dataHash = reg.dataHash;
		emit Recorded(reg.subject, CLAIM, srcEid, batch, leaf);
	}

	/// Tells a proxy what became of its batches, up to `upTo`, that it was not told of yet: at most ANSWERS_MAX
	/// in one message. Nothing of that kind: Skipped, and 0. msg.value pays the endpoint; the rest goes back.
	function answer(uint32 srcEid, uint64 upTo, bytes32 requestId)
		external
		payable
		refunding
		returns (bytes32 guid)
	{
		(uint64 from, uint64 to) = _unanswered(srcEid, upTo);

		if (from > to) {
			emit Skipped(0, requestId, abi.encodeWithSelector(NothingToAnswer.selector));
			return 0;
		}
		progressOf[srcEid].answered = to;
		(bytes memory message, bytes memory options) = _answer(srcEid, from, to, requestId);
		guid = endpoint.send{ value: msg.value }(
			MessagingParams(srcEid, _getPeerOrRevert(srcEid), message, options, false),
			address(this)
		).guid;
		emit Sent(requestId, guid);
	}

	/// When a batch's packet was given up at the endpoint, it never comes: this lets the next one in. None of its
	/// members counts.
	function passBatch(uint32 srcEid, uint64 number, bytes32 root) external onlyOwner {
		uint64 expected = progressOf[srcEid].last + 1;

		if (number != expected)
			revert BatchOutOfOrder(expected, number);
		progressOf[srcEid].last = number;
		passedRoots[srcEid][number] = root;
		emit BatchPassed(srcEid, number, root);
	}

	/// The endpoint's fee for `answer`; 0 when there is nothing to answer.
	function quoteAnswer(uint32 srcEid, uint64 upTo) external view returns (uint256 nativeFee) {
		(uint64 from, uint64 to) = _unanswered(srcEid, upTo);

		if (from > to)
			return 0;
		(bytes memory message, bytes memory options) = _answer(srcEid, from, to, 0);
		return _quote(srcEid, message, options, false).nativeFee;
	}

	/// Whether an identity is what `reg` says, as far as it was proven here: a member of the batch, and nothing
	/// newer or contrary is in state. False for anything else.
	function isMember(Leaf calldata reg, uint32 srcEid, uint64 batch, bytes32[] calldata path)
		external
		view
		returns (bool)
	{
		bytes4 reason = _standing(reg);

		return (reason == 0 || reason == AlreadyClaimed.selector)
			&& _isUnder(reg, _leafOf(reg), srcEid, batch, path);
	}

	/// What is in state. version 0: nothing yet.
	function identityOf(bytes32 subject)
		external
		view
		returns (address owner, bytes32 dataHash, uint64 version, bool revoked)
	{
		Record storage record = records[subject];
		return (record.owner, record.dataHash, record.version, record.revoked);
	}

	/// 0: that batch did not come, or was passed over.
	function rootOf(uint32 srcEid, uint64 batch) external view returns (bytes32) {
		return batches[srcEid][batch].root;
	}

	function _leafOf(Leaf calldata reg) private pure returns (bytes32) {
		return Identity.leafOf(reg.subject, reg.owner, reg.dataHash, reg.version);
	}

	function _isUnder(
		Leaf calldata reg,
		bytes32 leaf,
		uint32 srcEid,
		uint64 batch,
		bytes32[] calldata path
	) private view returns (bool) {
		// A revocation is a leaf too, but nobody's membership.
		return reg.owner != address(0) && Identity.isUnder(batches[srcEid][batch].root, leaf, path);
	}

	/// How a leaf stands to what is in state. 0: it may be written.
	function _standing(Leaf calldata reg) private view returns (bytes4) {
		Record storage record = records[reg.subject];
		uint64 version = record.version;

		if (record.revoked)
			return IsRevoked.selector;
		if (version == reg.version && record.owner == reg.owner && record.dataHash == reg.dataHash)
			return AlreadyClaimed.selector;
		if (version >= reg.version)
			return StaleVersion.selector;
		if (record.owner != address(0) && record.owner != reg.owner)
			return WrongOwner.selector;
		return 0;
	}

	function _unanswered(uint32 srcEid, uint64 upTo) private view returns (uint64 from, uint64 to) {
		Progress storage progress = progressOf[srcEid];

		from = progress.answered + 1;
		to = upTo < progress.last ? upTo : progress.last;
		if (to >= from + ANSWERS_MAX)
			to = from + uint64(ANSWERS_MAX) - 1;
	}

	function _answer(uint32 srcEid, uint64 from, uint64 to, bytes32 requestId)
		private
		view
		returns (bytes memory message, bytes memory options)
	{
		uint256 gas_ = ANSWER_GAS + (to - from + 1) * ANSWER_GAS_BATCH;

		message = abi.encodePacked(Identity.ANSWER, requestId, uint16(to - from + 1));
		for (uint64 number = from; number <= to; ++number) {
			Batch storage batch = batches[srcEid][number];
			uint32[] memory rejected = batch.rejected;
			bytes memory indexes;

			for (uint256 i = 0; i < rejected.length; ++i)
				indexes = bytes.concat(indexes, bytes4(rejected[i]));
			message = abi.encodePacked(
				message,
				number,
				batch.root,
				batch.count - uint32(rejected.length),
				uint16(rejected.length),
				indexes
			);
			gas_ += rejected.length * ANSWER_GAS_REJECTED;
		}
		// Type 3, with one lzReceive option.
		options = abi.encodePacked(hex"0003_01_0011_01", uint128(gas_));
	}

	/// A batch. The endpoint and the peer are checked by the caller, OAppReceiver.lzReceive.
	function _lzReceive(
		Origin calldata origin,
		bytes32 guid,
		bytes calldata message,
		address,
		bytes calldata
	) internal override {
		if (msg.value != 0)
			revert UnexpectedValue();
		if (message.length < Identity.BATCH_HEADER_BYTES || bytes2(message[:2]) != Identity.BATCH)
			revert BadMessage();
		uint64 number = uint64(bytes8(message[2:10]));
		bytes32 root = bytes32(message[94:126]);
		uint32 count = uint32(bytes4(message[126:130]));
		bytes calldata written = message[Identity.BATCH_HEADER_BYTES:];

		if (
			written.length != uint16(bytes2(message[162:164])) * Identity.RECORD_BYTES
				|| written.length > count * Identity.RECORD_BYTES
		) revert BadMessage();
		_follow(origin.srcEid, number, bytes32(message[62:94]));
		Batch storage batch = batches[origin.srcEid][number];

		batch.root = root;
		batch.count = count;
		uint256 rejected = 0;
		for (uint256 at = 0; at < written.length; at += Identity.RECORD_BYTES) {
			bytes calldata record = written[at:at + Identity.RECORD_BYTES];
			uint8 reason = _write(origin.srcEid, number, record);

			if (reason != 0) {
				uint32 index = uint32(bytes4(record[:4]));

				batch.rejected.push(index);
				emit Rejected(origin.srcEid, number, index, bytes32(record[13:45]), reason);
				++rejected;
			}
		}
		emit BatchAccepted(origin.srcEid, number, root, count, uint32(rejected));
		emit Received(guid, bytes32(message[30:62]));
	}

	/// Moves a proxy on to its next batch, or reverts.
	function _follow(uint32 srcEid, uint64 number, bytes32 prevRoot) private {
		uint64 last = progressOf[srcEid].last;
		bytes32 root = batches[srcEid][last].root;

		if (number != last + 1)
			revert BatchOutOfOrder(last + 1, number);
		if (root == 0)
			root = passedRoots[srcEid][last];
		if (prevRoot != root)
			revert WrongPrevRoot(root, prevRoot);
		progressOf[srcEid].last = number;
	}

	/// Writes one operation that came in full; or returns why not.
	function _write(uint32 srcEid, uint64 number, bytes calldata data) private returns (uint8 reason) {
		uint8 kind = uint8(data[4]);
		uint64 version = uint64(bytes8(data[5:13]));
		bytes32 subject = bytes32(data[13:45]);
		address ownerAfter = address(bytes20(data[85:105]));
		bytes32 dataHash = bytes32(data[105:137]);
		Record storage record = records[subject];
		address owner = record.owner;

		if (record.revoked)
			return REVOKED;
		if (version <= record.version)
			return STALE_VERSION;
		if (owner == address(0))
			owner = address(bytes20(data[45:65]));
		if (owner != address(bytes20(data[65:85])))
			return WRONG_OWNER;
		record.owner = ownerAfter;
		record.version = version;
		record.revoked = kind == Identity.REVOKE;
		record.dataHash = dataHash;
		emit Recorded(
			subject, kind, srcEid, number, Identity.leafOf(subject, ownerAfter, dataHash, version)
		);
	}
}
