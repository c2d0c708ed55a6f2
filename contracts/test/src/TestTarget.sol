// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { IFerryReceiver } from "../../src/IFerryReceiver.sol";

/// A receiver that behaves the way a test wants.
contract TestTarget is IFerryReceiver {
	enum Mode { Quiet, Record, TellGas, Burn, BurnAndSucceed, Bomb, ReturnBomb, Call }

	Mode public mode;
	address public callTo;
	bytes public callData;
	uint256 public calls;
	bool public nestedOk;
	bytes public nestedReason;
	uint256 public lastValue;
	bytes32 public lastFields;

	error GasWas(uint256 left);

	receive() external payable {}

	function setMode(Mode mode_) external
	{
		mode = mode_;
	}

	function setCall(address to, bytes calldata data) external
	{
		mode = Mode.Call;
		callTo = to;
		callData = data;
	}

	function ferryReceive(
		uint32 srcEid,
		address author,
		bool signed,
		bytes32 appId,
		bytes32 requestId,
		bytes calldata payload
	) external payable override {
		uint256 left = gasleft();
		Mode m = mode;

		if (m == Mode.Quiet)
			return;
		if (m == Mode.TellGas)
			revert GasWas(left);
		if (m == Mode.Burn)
			for (uint256 i = 0; ; ++i)
				keccak256(abi.encode(i));
		if (m == Mode.BurnAndSucceed)
			while (gasleft() > 500) {}
		if (m == Mode.Bomb)
			assembly { revert(0, 100000) }
		if (m == Mode.ReturnBomb)
			assembly { return(0, 100000) }
		if (m == Mode.Record || m == Mode.Call) {
			calls++;
			lastValue = msg.value;
			lastFields = keccak256(abi.encode(srcEid, author, signed, appId, requestId, payload));
		}
		if (m == Mode.Call)
			(nestedOk, nestedReason) = callTo.call(callData);
	}
}
