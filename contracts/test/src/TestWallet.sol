// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// A contract wallet that answers ERC-1271 questions the way a test wants.
contract TestWallet {
	enum Answer { Yes, No, Short, Padded, Long, Burn, Bomb, RevertBomb, Reenter }

	address public immutable target;
	bytes public question;
	Answer public answer;

	constructor(address target_)
	{
		target = target_;
	}

	receive() external payable {}

	function setAnswer(Answer answer_, bytes calldata question_) external
	{
		answer = answer_;
		question = question_;
	}

	function call(address to, bytes calldata data) external payable
	{
		(bool ok, bytes memory reason) = to.call{ value: msg.value }(data);
		require(ok, string(reason));
	}

	function isValidSignature(bytes32, bytes calldata) external view returns (bytes4)
	{
		Answer a = answer;

		if (a == Answer.No)
			return 0xffffffff;
		if (a == Answer.Burn)
			for (uint256 i = 0; ; ++i)
				keccak256(abi.encode(i));
		if (a == Answer.Reenter) {
			(bool ok, ) = target.staticcall(question);
			require(ok, "TestWallet: refused");
		}
		assembly {
			mstore(0, shl(224, 0x1626ba7e))
			switch a
			case 2 { return(0, 4) }                         // Short: four bytes instead of a word
			case 3 { mstore8(31, 1) return(0, 32) }         // Padded: the magic, and dirt behind it
			case 4 { return(0, 4096) }                      // Long: the right word, and more
			case 6 { mstore(0, 0) return(0, 1000000) }      // Bomb: needs more than it is given
			case 7 { mstore(0x8000, 1) revert(0, 0x8000) }
		}
		return 0x1626ba7e;
	}
}
