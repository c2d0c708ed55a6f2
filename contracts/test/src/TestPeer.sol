// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { OApp, Origin, MessagingFee } from "@layerzerolabs/oapp-evm/contracts/oapp/OApp.sol";
import { Ownable } from "@openzeppelin/contracts/access/Ownable.sol";

/// Sends any bytes: what a Messenger must refuse although they come from its peer.
contract TestPeer is OApp {
	bool public bombing;

	constructor(address endpoint_, address owner_) OApp(endpoint_, owner_) Ownable(owner_) {}

	function sendRaw(uint32 dstEid, bytes calldata message) external payable
	{
		bytes memory options = abi.encodePacked(hex"0003_01_0011_01", uint128(200000));

		_lzSend(dstEid, message, options, MessagingFee(msg.value, 0), msg.sender);
	}

	function quoteRaw(uint32 dstEid, bytes calldata message) external view returns (uint256)
	{
		bytes memory options = abi.encodePacked(hex"0003_01_0011_01", uint128(200000));

		return _quote(dstEid, message, options, false).nativeFee;
	}

	function setBombing(bool on) external
	{
		bombing = on;
	}

	/// As a receiver: when the endpoint asks whether a packet may be committed, burns gas or reverts with 32 KiB.
	function allowInitializePath(Origin calldata) public view override returns (bool)
	{
		if (bombing)
			assembly { revert(0, 0x8000) }
		for (uint256 i = 0; ; ++i)
			keccak256(abi.encode(i));
		return true;
	}

	function _lzReceive(Origin calldata, bytes32, bytes calldata, address, bytes calldata) internal override {}
}
