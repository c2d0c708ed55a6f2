// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Origin } from "@layerzerolabs/oapp-evm/contracts/oapp/OApp.sol";
import {
	MessagingParams
} from "@layerzerolabs/lz-evm-protocol-v2/contracts/interfaces/ILayerZeroEndpointV2.sol";
import { IFerryReceiver } from "./IFerryReceiver.sol";
import { Sender } from "./Sender.sol";
import { Signature } from "./Signature.sol";

/// Sends messages of authors to other chains through LayerZero, and hands those that arrive to their
/// receivers. An author is whoever signed the item, or the account that submits it.
///
/// Packet message, packed: version u8 = 1 | flags u8 (bit 0: signed) | author 20 | appId 32 | requestId 32 |
/// receiver 32 | gasLimit u128 | orderingKey 32 | seq u64 | payload
contract Messenger is Sender {
	struct Item {
		uint32 dstEid;
		bytes32 receiver;    // an address, left padded
		bytes payload;
		uint128 gasLimit;    // what the receiver gets, at least
		uint128 value;       // asked of the executor for the receiver
		bytes32 orderingKey; // not 0: delivered in the order of sending among the same author, app and key
		address author;      // signed: the author. Unsigned: 0, the author is msg.sender
		uint256 nonce;       // any number the author has not used yet
		uint256 deadline;    // signed: last second it may be sent. Unsigned: 0
		bytes signature;     // empty: unsigned
		bytes32 appId;       // unsigned: free. Signed: 0
		bytes32 requestId;   // unsigned: free but not 0. Signed: 0 or the struct hash
		uint256 fee;         // for the endpoint, out of msg.value; what it does not need is refunded
	}

	uint256 public constant HEADER_BYTES = 174;
	/// Gas of EndpointV2.lzReceive beside gasLimit * 64 / 63; enough for gasLimit <= 1,000,000 and a payload
	/// of 9,826 bytes when every lower nonce of the path was delivered (else add 2,466 a nonce jumped over).
	uint256 public constant RECEIVE_OVERHEAD = 100_000;
	/// An item of sendMany is only tried when this, ITEM_GAS_PER_BYTE a byte of payload and signature and
	/// ITEM_GAS_SKIP for each later item is left: an item never fails because the batch ran out of gas.
	uint256 public constant ITEM_GAS = 420_000;
	uint256 public constant ITEM_GAS_PER_BYTE = 40;
	uint256 public constant ITEM_GAS_SKIP = 5_000;

	bytes32 public constant SEND_TYPEHASH = keccak256(
		"Send(uint32 dstEid,bytes32 receiver,bytes payload,uint128 gasLimit,uint128 value,"
		"bytes32 orderingKey,uint256 nonce,uint256 deadline)"
	);
	uint256 private constant SKIP_REASON_BYTES = 512;
	uint256 private constant RECEIVE_REASON_BYTES = 1024;
	/// Left beside the receiver's share: the call itself and 1 KiB of reason; and what a value costs.
	uint256 private constant CALL_RESERVE = 1_500;
	uint256 private constant CALL_VALUE_RESERVE = 9_000;

	/// A bit for each nonce an author used or cancelled; word = nonce >> 8.
	mapping(address author => mapping(uint256 word => uint256)) public nonceBitmap;
	/// The last sequence number sent and received; key = sequenceKey(...).
	mapping(uint32 dstEid => mapping(bytes32 key => uint64)) public lastSent;
	mapping(uint32 srcEid => mapping(bytes32 key => uint64)) public lastReceived;

	event NonceCancelled(address indexed author, uint256 nonce);
	event SequencePassed(uint32 srcEid, bytes32 key, uint64 seq);

	error BadAuthor();                              // signed without author, or unsigned with one
	error BadAppId();                               // signed items carry none
	error BadDeadline();                            // unsigned items carry none
	error BadGasLimit(uint128 gasLimit);
	error BadReceiver(bytes32 receiver);
	error BadRequestId(bytes32 requestId);
	error BadSignature();
	error Expired(uint256 deadline);
	error FeeNotCovered(uint256 fee, uint256 left); // of msg.value
	error InsufficientGas(uint256 needed, uint256 left);
	error LowGas(uint256 needed, uint256 left);     // sendMany: not tried
	error NoReceiver(address receiver);
	error NonceUsed(address author, uint256 nonce);
	error OnlyOwnerOrDelegate();
	error OnlySelf();
	error OutOfOrder(uint64 expected, uint64 got);

	constructor(address endpoint_, address owner_) Sender(endpoint_, owner_) {}

	/// Sends one item, or reverts with the reason. What is left of msg.value goes back to the caller.
	function send(Item calldata item) external payable refunding returns (bytes32 guid) {
		guid = _send(item, msg.sender, msg.value);
	}

	/// Sends every item that can be sent; for each other one emits Skipped and keeps its fee for the refund.
	function sendMany(Item[] calldata items) external payable refunding {
		uint256 before = address(this).balance - msg.value;
		uint256 memoryEnd;

		assembly ("memory-safe") {
			memoryEnd := mload(0x40)
		}
		for (uint256 i = 0; i < items.length; ++i) {
			Item calldata item = items[i];
			uint256 needed = ITEM_GAS + ITEM_GAS_SKIP * (items.length - i)
				+ ITEM_GAS_PER_BYTE * (item.payload.length + item.signature.length);

			if (gasleft() < needed) {
				bytes memory low = abi.encodeWithSelector(LowGas.selector, needed, gasleft());
				emit Skipped(i, _requestId(item), low);
			} else {
				(bool ok, bytes memory reason) = _callSelf(
					abi.encodeCall(this.sendItem, (item, msg.sender, address(this).balance - before))
				);
				if (!ok)
					emit Skipped(i, _requestId(item), reason);
			}
			// Nothing made for this item is used again: without this, memory would cost more each time.
			assembly ("memory-safe") {
				mstore(0x40, memoryEnd)
			}
		}
	}

	/// One item of sendMany, as a call of its own so that it can fail alone. Only the contract itself may call.
	function sendItem(Item calldata item, address sender, uint256 left) external {
		if (msg.sender != address(this))
			revert OnlySelf();
		_send(item, sender, left);
	}

	/// The endpoint's fee for an item, which need not be signed yet.
	function quote(Item calldata item) external view returns (uint256 nativeFee) {
		_checkShape(item);
		bytes memory message = _encode(item, false, address(0), bytes32(0), 0);
		return _quote(item.dstEid, message, _options(item), false).nativeFee;
	}

	/// Makes sure that nothing of the caller with this nonce can be sent any more.
	function cancelNonce(uint256 nonce) external {
		_useNonce(msg.sender, nonce);
		emit NonceCancelled(msg.sender, nonce);
	}

	function nonceUsed(address author, uint256 nonce) external view returns (bool) {
		return nonceBitmap[author][nonce >> 8] & (1 << (nonce & 0xff)) != 0;
	}

	/// The EIP-712 struct hash (= the requestId of a signed item) and the digest an author signs.
	function hashItem(Item calldata item) external view returns (bytes32 structHash, bytes32 digest) {
		structHash = _structHash(item);
		digest = _digest(structHash);
	}

	function domainSeparator() public view returns (bytes32) {
		return Signature.domainSeparator();
	}

	function sequenceKey(bool signed, address author, bytes32 appId, bytes32 orderingKey)
		public
		pure
		returns (bytes32)
	{
		return keccak256(abi.encode(signed, author, appId, orderingKey));
	}

	/// After a packet of an ordered key was cleared, skipped or burned at the endpoint, its number never comes:
	/// this lets the next one through. For the owner or the endpoint's delegate.
	function passSequence(uint32 srcEid, bytes32 key, uint64 seq) external {
		if (msg.sender != owner() && msg.sender != _delegate())
			revert OnlyOwnerOrDelegate();
		if (seq != lastReceived[srcEid][key] + 1)
			revert OutOfOrder(lastReceived[srcEid][key] + 1, seq);
		lastReceived[srcEid][key] = seq;
		emit SequencePassed(srcEid, key, seq);
	}

	function _send(Item calldata item, address sender, uint256 left) private returns (bytes32 guid) {
		bool signed = item.signature.length != 0;
		address author = signed ? item.author : sender;
		bytes32 requestId = _requestId(item);

		_checkShape(item);
		if (item.fee > left)
			revert FeeNotCovered(item.fee, left);
		if (signed)
			_checkSigned(item, requestId);
		else
			_checkUnsigned(item);
		_useNonce(author, item.nonce);

		uint64 seq = item.orderingKey == 0 ? 0
			: ++lastSent[item.dstEid][sequenceKey(signed, author, item.appId, item.orderingKey)];
		guid = endpoint.send{ value: item.fee }(
			MessagingParams(
				item.dstEid,
				_getPeerOrRevert(item.dstEid),
				_encode(item, signed, author, requestId, seq),
				_options(item),
				false
			),
			address(this)
		).guid;
		emit Sent(requestId, guid);
	}

	function _checkShape(Item calldata item) private pure {
		if (item.receiver == 0 || uint256(item.receiver) >> 160 != 0)
			revert BadReceiver(item.receiver);
		if (item.gasLimit == 0 || item.gasLimit > type(uint64).max)
			revert BadGasLimit(item.gasLimit);
	}

	function _checkSigned(Item calldata item, bytes32 structHash) private view {
		// ecrecover answers 0 for a signature that is none, so 0 must never be an author.
		if (item.author == address(0))
			revert BadAuthor();
		if (item.appId != 0)
			revert BadAppId();
		if (item.requestId != 0 && item.requestId != structHash)
			revert BadRequestId(item.requestId);
		if (block.timestamp > item.deadline)
			revert Expired(item.deadline);
		if (!Signature.isBy(item.author, _digest(structHash), item.signature))
			revert BadSignature();
	}

	function _checkUnsigned(Item calldata item) private pure {
		if (item.author != address(0))
			revert BadAuthor();
		if (item.deadline != 0)
			revert BadDeadline();
		if (item.requestId == 0)
			revert BadRequestId(0);
	}

	function _useNonce(address author, uint256 nonce) private {
		uint256 word = nonceBitmap[author][nonce >> 8];
		uint256 bit = 1 << (nonce & 0xff);

		if (word & bit != 0)
			revert NonceUsed(author, nonce);
		nonceBitmap[author][nonce >> 8] = word | bit;
	}

	function _requestId(Item calldata item) private pure returns (bytes32) {
		return item.signature.length != 0 ? _structHash(item) : item.requestId;
	}

	function _structHash(Item calldata item) private pure returns (bytes32) {
		return keccak256(
			abi.encode(
				SEND_TYPEHASH,
				item.dstEid,
				item.receiver,
				keccak256(item.payload),
				item.gasLimit,
				item.value,
				item.orderingKey,
				item.nonce,
				item.deadline
			)
		);
	}

	function _digest(bytes32 structHash) private view returns (bytes32) {
		return Signature.digestOf(domainSeparator(), structHash);
	}

	function _encode(Item calldata item, bool signed, address author, bytes32 requestId, uint64 seq)
		private
		pure
		returns (bytes memory)
	{
		return abi.encodePacked(
			signed ? uint16(0x0101) : uint16(0x0100),
			author,
			item.appId,
			requestId,
			item.receiver,
			item.gasLimit,
			item.orderingKey,
			seq,
			item.payload
		);
	}

	/// LayerZero options, type 3, with one lzReceive option.
	function _options(Item calldata item) private pure returns (bytes memory) {
		uint128 total = uint128(uint256(item.gasLimit) * 64 / 63 + RECEIVE_OVERHEAD);

		if (item.value == 0)
			return abi.encodePacked(hex"0003_01_0011_01", total);
		return abi.encodePacked(hex"0003_01_0021_01", total, item.value);
	}

	function _callSelf(bytes memory data) private returns (bool ok, bytes memory reason) {
		assembly ("memory-safe") {
			ok := call(gas(), address(), 0, add(data, 32), mload(data), 0, 0)
			if iszero(ok) {
				let size := returndatasize()
				if gt(size, SKIP_REASON_BYTES) { size := SKIP_REASON_BYTES }
				reason := mload(0x40)
				mstore(reason, size)
				returndatacopy(add(reason, 32), 0, size)
				mstore(0x40, and(add(add(reason, size), 63), not(31)))
			}
		}
	}

	function _delegate() private view returns (address) {
		(bool ok, bytes memory answer) = address(endpoint).staticcall(
			abi.encodeWithSignature("delegates(address)", address(this))
		);
		return ok ? abi.decode(answer, (address)) : address(0);
	}

	/// The endpoint and the peer are checked by the caller, OAppReceiver.lzReceive.
	function _lzReceive(
		Origin calldata origin,
		bytes32 guid,
		bytes calldata message,
		address,
		bytes calldata
	) internal override {
		if (message.length < HEADER_BYTES || uint16(bytes2(message[:2])) | 1 != 0x0101)
			revert BadMessage();
		bool signed = message[1] != 0;
		address author = address(bytes20(message[2:22]));
		bytes32 appId = bytes32(message[22:54]);
		bytes32 requestId = bytes32(message[54:86]);
		uint64 seq = uint64(bytes8(message[166:174]));

		if (bytes32(message[134:166]) == 0) {
			if (seq != 0)
				revert BadMessage();
		} else {
			bytes32 key = sequenceKey(signed, author, appId, bytes32(message[134:166]));
			uint64 expected = lastReceived[origin.srcEid][key] + 1;

			if (seq != expected)
				revert OutOfOrder(expected, seq);
			lastReceived[origin.srcEid][key] = seq;
		}
		// Before the call: afterwards nothing may be left to pay for it. A revert undoes it.
		emit Received(guid, requestId);
		_deliver(
			bytes32(message[86:118]),
			uint128(bytes16(message[118:134])),
			abi.encodeCall(
				IFerryReceiver.ferryReceive,
				(origin.srcEid, author, signed, appId, requestId, message[HEADER_BYTES:])
			)
		);
	}

	/// Calls the receiver with exactly gasLimit gas, or reverts: whoever executes a packet cannot make it fail
	/// by giving less. Who gives RECEIVE_OVERHEAD more than all this takes gives the rest to the receiver: a
	/// message whose author asked for too little can still be delivered. Reverts with at most 1 KiB of the receiver's reason.
	function _deliver(bytes32 to, uint256 gasLimit, bytes memory data) private {
		address receiver = address(uint160(uint256(to)));
		uint256 needed = gasLimit + gasLimit / 63 + CALL_RESERVE;
		bool ok;

		if (uint256(to) >> 160 != 0 || receiver.code.length == 0)
			revert NoReceiver(receiver);
		if (msg.value != 0)
			needed += CALL_VALUE_RESERVE;
		if (gasleft() < needed)
			revert InsufficientGas(needed, gasleft());
		if (gasleft() > needed + RECEIVE_OVERHEAD)
			gasLimit += (gasleft() - needed - RECEIVE_OVERHEAD) * 63 / 64;
		assembly ("memory-safe") {
			ok := call(gasLimit, receiver, callvalue(), add(data, 32), mload(data), 0, 0)
			if iszero(ok) {
				let size := returndatasize()
				if gt(size, RECEIVE_REASON_BYTES) { size := RECEIVE_REASON_BYTES }
				returndatacopy(mload(0x40), 0, size)
				revert(mload(0x40), size)
			}
		}
	}
}
