// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// Calls whatever it is told, for whoever asks. It owns nothing and nobody trusts it: that is its use. What a
/// stranger wants called in the middle of our work is called by this contract and never by one that has rights.
contract Deployer {
	/// Whether the call succeeded is not told, and what it returns is not read.
	function run(address to, bytes calldata data) external {
		assembly ("memory-safe") {
			let free := mload(0x40)

			calldatacopy(free, data.offset, data.length)
			pop(call(gas(), to, 0, free, data.length, 0, 0))
		}
	}
}
