// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// A contract wallet of one key: it wants its owner's signature of the very digest.
contract TestOwnedWallet {
	address public immutable owner;

	constructor(address owner_)
	{
		owner = owner_;
	}

	function isValidSignature(bytes32 digest, bytes calldata signature) external view returns (bytes4)
	{
		if (signature.length != 65)
			return 0xffffffff;
		bytes32 r = bytes32(signature[:32]);
		bytes32 s = bytes32(signature[32:64]);

		return ecrecover(digest, uint8(signature[64]), r, s) == owner ? bytes4(0x1626ba7e) : bytes4(0xffffffff);
	}
}

/// Makes such wallets where their address says, and misbehaves on request.
contract TestFactory {
	address public lastCaller;
	uint256 public made; // how often it was asked to
	bool public nestedOk;
	bytes public nestedReason;

	function addressOf(address owner, bytes32 salt) public view returns (address)
	{
		bytes memory code = abi.encodePacked(type(TestOwnedWallet).creationCode, abi.encode(owner));

		return address(uint160(uint256(keccak256(abi.encodePacked(hex"ff", address(this), salt, keccak256(code))))));
	}

	function make(address owner, bytes32 salt) public
	{
		lastCaller = msg.sender;
		++made;
		if (addressOf(owner, salt).code.length == 0)
			new TestOwnedWallet{ salt: salt }(owner);
	}

	function makeTwo(address one, address two, bytes32 salt) external
	{
		make(one, salt);
		make(two, salt);
	}

	function fail() external pure
	{
		revert("TestFactory: no");
	}

	function burn() public pure
	{
		for (uint256 i = 0; ; ++i)
			keccak256(abi.encode(i));
	}

	/// Makes it when it is only asked, and burns all it gets in a transaction.
	function makeInCalls(address owner, bytes32 salt) external
	{
		if (tx.gasprice != 0)
			burn();
		make(owner, salt);
	}

	/// Makes it and answers with `size` bytes.
	function makeAndBomb(address owner, bytes32 salt, uint256 size) external
	{
		make(owner, salt);
		assembly { return(0, size) }
	}

	function revertWith(uint256 size) external pure
	{
		assembly { revert(0, size) }
	}

	/// Calls somebody else in between; what came of it is kept.
	function makeAndCall(address owner, bytes32 salt, address to, bytes calldata data) external
	{
		make(owner, salt);
		(nestedOk, nestedReason) = to.call(data);
	}

	/// Only when `gas` of it is left at least: whether the call that makes wallets gets what it is promised.
	function makeWith(address owner, bytes32 salt, uint256 gas) external
	{
		require(gasleft() >= gas, "TestFactory: little gas");
		make(owner, salt);
	}
}
