// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Messenger } from "../../src/Messenger.sol";

/// Submits an item, and submits it again when its refund arrives.
contract TestSubmitter {
	Messenger public immutable messenger;
	bytes public nestedReason;
	bytes private again;

	constructor(address payable messenger_)
	{
		messenger = Messenger(messenger_);
	}

	receive() external payable
	{
		(, nestedReason) = address(messenger).call{ value: msg.value / 2 }(again);
	}

	function sendTwice(Messenger.Item calldata item) external payable
	{
		Messenger.Item[] memory items = new Messenger.Item[](1);

		items[0] = item;
		again = abi.encodeCall(messenger.sendMany, (items));
		messenger.send{ value: msg.value }(item);
	}
}
