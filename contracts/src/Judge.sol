// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Identity, Operation } from "./Identity.sol";
import { Signature } from "./Signature.sol";

/// What a proxy registry knows of an identity, in one word. From the lowest bit: owner 160, version 64, revoked 1,
/// recoverable 1.
type State is uint256;

using { ownerOf, versionOf, isRevoked, isRecoverable, isNone } for State global;

uint256 constant VERSION_SHIFT = 160;
uint256 constant OWNER_BITS = (1 << 160) - 1;
uint256 constant VERSION_BITS = ((1 << 64) - 1) << VERSION_SHIFT;
uint256 constant REVOKED_BIT = 1 << 224;
uint256 constant RECOVERABLE_BIT = 1 << 225;

/// 0: not rotated here.
function ownerOf(State state) pure returns (address) {
	return address(uint160(State.unwrap(state)));
}

/// The last one seen here; 0: none.
function versionOf(State state) pure returns (uint64) {
	return uint64(State.unwrap(state) >> VERSION_SHIFT);
}

function isRevoked(State state) pure returns (bool) {
	return State.unwrap(state) & REVOKED_BIT != 0;
}

/// It has a recovery account.
function isRecoverable(State state) pure returns (bool) {
	return State.unwrap(state) & RECOVERABLE_BIT != 0;
}

/// Never seen here.
function isNone(State state) pure returns (bool) {
	return State.unwrap(state) == 0;
}

/// An operation as it is judged: of an owner who signs, or of a contract that calls. In memory the members up
/// to `deadline` are the EIP-712 encoding of what is signed: Judge._digest relies on it.
struct Change {
	bytes32 typeHash;
	bytes32 kindHash;
	uint256 mainEid;
	uint256 homeChainId;
	address firstOwner;
	bytes32 salt;
	address owner;
	address account;
	address recovery;
	bytes32 dataHash;
	uint64 version;
	bool eager;
	uint256 deadline;
	uint8 kind;
	bool home;     // registered on this chain
	bytes32 subject;
}

/// Whether an operation is good, and what an identity is after it.
abstract contract Judge {
	bytes32 public constant OPERATION_TYPEHASH = keccak256(
		"Operation(string operation,uint32 mainEid,uint256 homeChainId,address firstOwner,bytes32 salt,"
		"address owner,address account,address recovery,bytes32 dataHash,uint64 version,bool eager,"
		"uint256 deadline)"
	);
	uint256 private constant SIGNED_BYTES = 416;

	uint32 public immutable mainEid;

	error AlreadyRegistered();
	error BadAccount();   // link, rotate: none, or the owner itself. Else: not 0
	error BadConsent();   // link, rotate: not the account's. Else: not empty
	error BadData();      // revoke: not 0
	error BadKind();
	error BadOwner();     // not who owns it here
	error BadRecovery();  // only register and update name one
	error BadSignature();
	error BadVersion();   // register: not 1. Else: below 2
	error Expired();
	error IsRevoked();
	error NotRegistered();
	error StaleVersion();
	error WrongChain();   // registered on the chain it names only

	constructor(uint32 mainEid_) {
		mainEid = mainEid_;
	}

	function _read(Operation calldata operation, Change memory change) internal view {
		change.typeHash = OPERATION_TYPEHASH;
		change.kindHash = _kindHash(operation.kind);
		change.mainEid = mainEid;
		change.homeChainId = operation.homeChainId;
		change.firstOwner = operation.firstOwner;
		change.salt = operation.salt;
		change.owner = operation.owner;
		change.account = operation.account;
		change.recovery = operation.recovery;
		change.dataHash = operation.dataHash;
		change.version = operation.version;
		change.eager = operation.eager;
		change.deadline = operation.deadline;
		change.kind = operation.kind;
		change.home = change.homeChainId == block.chainid;
		change.subject = Identity.subjectOf(change.homeChainId, change.firstOwner, change.salt);
	}

	/// 0, or why an operation cannot be: its form, then what is known here of its identity.
	function _judge(Change memory change, State state) internal pure returns (bytes4) {
		uint8 kind = change.kind;
		bool joined = kind == Identity.LINK || kind == Identity.ROTATE;

		if (kind < Identity.REGISTER || kind > Identity.REVOKE)
			return BadKind.selector;
		if (change.firstOwner == address(0))
			return BadOwner.selector;
		if (kind == Identity.REGISTER ? change.version != 1 : change.version < 2)
			return BadVersion.selector;
		if (kind == Identity.REGISTER && !change.home)
			return WrongChain.selector;
		if (joined == (change.account == address(0)) || change.account == change.owner)
			return BadAccount.selector;
		if (kind > Identity.UPDATE && change.recovery != address(0))
			return BadRecovery.selector;
		if (kind == Identity.REVOKE && change.dataHash != 0)
			return BadData.selector;
		if (state.isRevoked())
			return IsRevoked.selector;
		if (kind == Identity.REGISTER && !state.isNone())
			return AlreadyRegistered.selector;
		if (kind != Identity.REGISTER && change.home && state.isNone())
			return NotRegistered.selector;
		if (change.version <= state.versionOf())
			return StaleVersion.selector;
		if (change.owner != (state.ownerOf() == address(0) ? change.firstOwner : state.ownerOf()))
			return BadOwner.selector;
		return 0;
	}

	/// After _judge: 0, or what is wrong with the signatures. `recovery`: who else may sign a rotation, or 0.
	function _judgeSignatures(
		Operation calldata operation,
		Change memory change,
		address recovery,
		bytes32 domain
	) internal view returns (bytes4) {
		if (block.timestamp > change.deadline)
			return Expired.selector;
		bytes32 digest = _digest(change, domain);

		if (
			!Signature.isBy(change.owner, digest, operation.signature)
				&& (
					change.kind != Identity.ROTATE || recovery == address(0)
						|| !Signature.isBy(recovery, digest, operation.signature)
				)
		) return BadSignature.selector;
		if (
			change.account == address(0)
				? operation.consent.length != 0
				: !Signature.isBy(change.account, digest, operation.consent)
		) return BadConsent.selector;
		return 0;
	}

	/// What a good operation makes of its identity's state.
	function _after(Change memory change, State state) internal pure returns (State) {
		uint256 word = State.unwrap(state) & ~VERSION_BITS | uint256(change.version) << VERSION_SHIFT;

		if (change.kind == Identity.ROTATE)
			word = word & ~OWNER_BITS | uint160(change.account);
		else if (change.kind == Identity.REVOKE)
			word |= REVOKED_BIT;
		else if (change.kind != Identity.LINK)
			word = change.recovery == address(0) ? word & ~RECOVERABLE_BIT : word | RECOVERABLE_BIT;
		return State.wrap(word);
	}

	function _isWritten(Change memory change) internal pure returns (bool) {
		return change.eager || change.kind >= Identity.ROTATE;
	}

	function _digest(Change memory change, bytes32 domain) internal pure returns (bytes32) {
		bytes32 structHash;

		assembly ("memory-safe") {
			structHash := keccak256(change, SIGNED_BYTES)
		}
		return Signature.digestOf(domain, structHash);
	}

	/// The word that stands for the kind in what an owner signs.
	function _kindHash(uint8 kind) internal pure returns (bytes32) {
		if (kind == Identity.REGISTER)
			return keccak256("register");
		if (kind == Identity.UPDATE)
			return keccak256("update");
		if (kind == Identity.LINK)
			return keccak256("link");
		if (kind == Identity.ROTATE)
			return keccak256("rotate");
		return kind == Identity.REVOKE ? keccak256("revoke") : bytes32(0);
	}
}
