// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// A verifier that calls back into whatever is sending while it is given its job.
contract TestWorker {
	struct Job {
		uint32 dstEid;
		bytes packetHeader;
		bytes32 payloadHash;
		uint64 confirmations;
		address sender;
	}

	bytes public nestedReason;
	bytes private data;

	receive() external payable {}

	function setData(bytes calldata data_) external
	{
		data = data_;
	}

	function getFee(uint32, uint64, address, bytes calldata) external pure returns (uint256)
	{
		return 0;
	}

	function assignJob(Job calldata job, bytes calldata) external payable returns (uint256)
	{
		(, nestedReason) = job.sender.call(data);
		return 0;
	}
}
