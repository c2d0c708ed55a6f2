// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

/// What a contract implements to get messages from a Messenger.
interface IFerryReceiver {
	/// Takes one message. Implementations check that msg.sender is their Messenger.
	/// @param srcEid    LayerZero id of the chain the message comes from
	/// @param author    who wrote it: the signer when `signed`, else the account that submitted it
	/// @param signed    true when the author's own signature over this very message was checked
	/// @param appId     unsigned messages: the application named by the submitter. Signed ones: 0
	/// @param requestId the id under which the message was requested
	/// @param payload   the message
	/// msg.value is whatever the executor gave: do not rely on it without a check of your own.
	function ferryReceive(
		uint32 srcEid,
		address author,
		bool signed,
		bytes32 appId,
		bytes32 requestId,
		bytes calldata payload
	) external payable;
}
