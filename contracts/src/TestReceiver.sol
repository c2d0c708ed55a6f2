// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { IFerryReceiver } from "./IFerryReceiver.sol";

/// A receiver for development chains: keeps the last message, counts, and can be told to revert (by anybody).
contract TestReceiver is IFerryReceiver {
	address public immutable messenger;
	address public lastAuthor;
	bool public reverting;
	uint64 public count;
	bytes public lastPayload;

	event Got(bytes32 requestId, address author, bytes payload);

	error OnlyMessenger(address caller);

	constructor(address messenger_)
	{
		messenger = messenger_;
	}

	function setRevert(bool on) external
	{
		reverting = on;
	}

	function ferryReceive(
		uint32,
		address author,
		bool,
		bytes32,
		bytes32 requestId,
		bytes calldata payload
	) external payable override {
		if (msg.sender != messenger)
			revert OnlyMessenger(msg.sender);
		require(!reverting, "TestReceiver: told to revert");
		lastAuthor = author;
		lastPayload = payload;
		count++;
		emit Got(requestId, author, payload);
	}
}
