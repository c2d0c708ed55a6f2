// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { OApp } from "@layerzerolabs/oapp-evm/contracts/oapp/OApp.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

/// What our contracts that send through the endpoint share: their events, one entry at a time, and refunds.
abstract contract Sender is OApp {
	bool private sending;

	event Sent(bytes32 indexed requestId, bytes32 guid);
	event Skipped(uint256 index, bytes32 requestId, bytes reason);
	event Received(bytes32 guid, bytes32 requestId);

	error BadMessage();                             // not what a peer sends
	error Reentered();
	error RefundFailed();
	error UnexpectedValue();

	/// Runs the body alone, then refunds what is left of msg.value: after the lock is off, so that nobody can
	/// use a refund to deliver a packet whose receiver then finds the contract locked.
	modifier refunding() {
		uint256 before = address(this).balance - msg.value;

		if (sending)
			revert Reentered();
		sending = true;
		_;
		sending = false;
		_refund(address(this).balance - before);
	}

	constructor(address endpoint_, address owner_) OApp(endpoint_, owner_) Ownable(owner_) {}

	/// Refunds of the endpoint only.
	receive() external payable {
		if (msg.sender != address(endpoint))
			revert UnexpectedValue();
	}

	function _refund(uint256 amount) private {
		if (amount == 0)
			return;
		(bool ok, ) = msg.sender.call{ value: amount }("");
		if (!ok)
			revert RefundFailed();
	}
}
