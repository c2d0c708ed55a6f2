// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// Calls, and calls again, once, when money comes back.
contract TestCaller {
	bool public nestedOk;
	bytes public nestedReason;
	address private target;
	bytes private again;

	receive() external payable
	{
		bytes memory data = again;

		delete again;
		if (data.length != 0)
			(nestedOk, nestedReason) = target.call{ value: msg.value / 2 }(data);
	}

	/// `again_` may be empty.
	function callTwice(address to, bytes calldata data, bytes calldata again_) external payable
	{
		target = to;
		again = again_;
		(bool ok, bytes memory answer) = to.call{ value: msg.value }(data);

		if (!ok)
			assembly { revert(add(answer, 32), mload(answer)) }
	}
}
