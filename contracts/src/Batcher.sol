// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import {
	ILayerZeroEndpointV2,
	Origin
} from "@layerzerolabs/lz-evm-protocol-v2/contracts/interfaces/ILayerZeroEndpointV2.sol";

interface ICommit {
	function commitVerification(bytes calldata header, bytes32 payloadHash) external;
}

/// EndpointV2 has it, its interface does not.
interface IAlert {
	function lzReceiveAlert(
		Origin calldata origin,
		address receiver,
		bytes32 guid,
		uint256 gas,
		uint256 value,
		bytes calldata message,
		bytes calldata extraData,
		bytes calldata reason
	) external;
}

/// Commits and executes many LayerZero packets in one transaction. No state, no owner, anybody may call: both
/// steps are open to everyone at the endpoint anyway. A packet that fails never stops the others.
contract Batcher {
	struct Delivery {
		bytes packet;     // EndpointV2's PacketSent.encodedPayload
		uint256 gasLimit; // given to EndpointV2.lzReceive
		uint256 value;    // given to EndpointV2.lzReceive, out of msg.value
		uint8 ops;        // bit 0: commit, bit 1: receive
	}

	/// Given to one commit: the receiver has a say in it and must not be able to burn more.
	uint256 public constant COMMIT_GAS = 250_000;
	/// Kept for lzReceiveAlert and for going on, beside ALERT_GAS_PER_BYTE a byte of packet.
	uint256 public constant ALERT_GAS = 60_000;
	uint256 public constant ALERT_GAS_PER_BYTE = 30;

	uint8 private constant OP_COMMIT = 1;
	uint8 private constant OP_RECEIVE = 2;
	uint256 private constant HEADER_BYTES = 81;
	uint256 private constant MESSAGE_AT = 113;      // header, guid
	uint256 private constant REASON_BYTES = 1024;

	ICommit public immutable receiveUln;
	ILayerZeroEndpointV2 public immutable endpoint;

	event CommitFailed(uint256 index, bytes32 guid, bytes reason);
	event Stopped(uint256 index);

	error BadPacket();
	error RefundFailed();
	error ValueNotCovered(uint256 value, uint256 left); // of msg.value; the reason in an alert

	constructor(address receiveUln_, address endpoint_)
	{
		receiveUln = ICommit(receiveUln_);
		endpoint = ILayerZeroEndpointV2(endpoint_);
	}

	/// Works through the items in order. CommitFailed: neither committed nor received. A failed receive is
	/// told by the endpoint's LzReceiveAlert. Stopped(index): the gas left is too small for that item, which
	/// was not tried, nor any after it. Value that was not used goes back to the caller.
	function deliver(Delivery[] calldata items) external payable {
		uint256 left = msg.value; // not the balance: a receiver may call deliver again, with its own value
		uint256 memoryEnd;

		assembly ("memory-safe") {
			memoryEnd := mload(0x40)
		}
		for (uint256 i = 0; i < items.length; ++i) {
			Delivery calldata item = items[i];

			if (gasleft() < _gasFor(item)) {
				emit Stopped(i);
				break;
			}
			if (item.packet.length < MESSAGE_AT)
				emit CommitFailed(i, 0, abi.encodeWithSelector(BadPacket.selector));
			else if ((item.ops & OP_COMMIT == 0 || _commit(i, item.packet)) && item.ops & OP_RECEIVE != 0)
				left -= _receive(item, left);
			assembly ("memory-safe") {
				mstore(0x40, memoryEnd)
			}
		}
		if (left != 0) {
			(bool ok, ) = msg.sender.call{ value: left }("");
			if (!ok)
				revert RefundFailed();
		}
	}

	/// A gas limit nobody can pay saturates, so that it stops the batch instead of reverting it.
	function _gasFor(Delivery calldata item) private pure returns (uint256 needed) {
		needed = ALERT_GAS + item.packet.length * ALERT_GAS_PER_BYTE;
		if (item.ops & OP_COMMIT != 0)
			needed += COMMIT_GAS;
		if (item.ops & OP_RECEIVE != 0) {
			if (item.gasLimit > type(uint64).max)
				return type(uint256).max;
			needed += item.gasLimit + item.gasLimit / 63;
		}
	}

	/// True when the packet is committed now, by this call or by another one before it.
	function _commit(uint256 index, bytes calldata packet) private returns (bool) {
		bytes32 payloadHash = keccak256(packet[HEADER_BYTES:]);
		(bool ok, bytes memory reason) = _call(
			address(receiveUln),
			COMMIT_GAS,
			0,
			abi.encodeCall(ICommit.commitVerification, (packet[:HEADER_BYTES], payloadHash))
		);

		if (ok)
			return true;
		Origin memory origin = _origin(packet);
		if (
			endpoint.inboundPayloadHash(_receiver(packet), origin.srcEid, origin.sender, origin.nonce)
				== payloadHash
		) return true;
		emit CommitFailed(index, _guid(packet), reason);
		return false;
	}

	/// Returns the value that was used.
	function _receive(Delivery calldata item, uint256 left) private returns (uint256) {
		bytes calldata packet = item.packet;
		Origin memory origin = _origin(packet);
		bool ok = false;
		bytes memory reason;

		if (item.value > left)
			reason = abi.encodeWithSelector(ValueNotCovered.selector, item.value, left);
		else
			(ok, reason) = _call(
				address(endpoint),
				item.gasLimit,
				item.value,
				abi.encodeCall(
					ILayerZeroEndpointV2.lzReceive,
					(origin, _receiver(packet), _guid(packet), packet[MESSAGE_AT:], "")
				)
			);
		if (ok)
			return item.value;
		_call(
			address(endpoint),
			gasleft(),
			0,
			abi.encodeCall(
				IAlert.lzReceiveAlert,
				(
					origin,
					_receiver(packet),
					_guid(packet),
					item.gasLimit,
					item.value,
					packet[MESSAGE_AT:],
					"",
					reason
				)
			)
		);
		return 0;
	}

	/// Never reverts, and copies at most 1 KiB of what a failed call returns.
	function _call(address to, uint256 gas_, uint256 value, bytes memory data)
		private
		returns (bool ok, bytes memory reason)
	{
		assembly ("memory-safe") {
			ok := call(gas_, to, value, add(data, 32), mload(data), 0, 0)
			if iszero(ok) {
				let size := returndatasize()
				if gt(size, REASON_BYTES) { size := REASON_BYTES }
				reason := mload(0x40)
				mstore(reason, size)
				returndatacopy(add(reason, 32), 0, size)
				mstore(0x40, and(add(add(reason, size), 63), not(31)))
			}
		}
	}

	function _origin(bytes calldata packet) private pure returns (Origin memory) {
		return Origin(uint32(bytes4(packet[9:13])), bytes32(packet[13:45]), uint64(bytes8(packet[1:9])));
	}

	function _receiver(bytes calldata packet) private pure returns (address) {
		return address(uint160(uint256(bytes32(packet[49:81]))));
	}

	function _guid(bytes calldata packet) private pure returns (bytes32) {
		return bytes32(packet[81:113]);
	}
}
