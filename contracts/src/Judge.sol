// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.22;

import { Deployer } from "./Deployer.sol";
import { Identity, Operation } from "./Identity.sol";
import { Signature } from "./Signature.sol";
import { Wrapped } from "./Wrapped.sol";

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
	/// Of the call that makes a wallet, which a signature may name (ERC-6492).
	uint256 public constant DEPLOY_GAS = 1_500_000;

	uint32 public immutable mainEid;
	Deployer public immutable deployer;

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
	error NoWallet();     // ERC-6492: what should make the account's contract did not
	error StaleVersion();
	error WrongChain();   // registered on the chain it names only

	constructor(uint32 mainEid_) {
		mainEid = mainEid_;
		deployer = new Deployer();
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
	/// Anything may happen in here: see _judgeSignature.
	function _judgeSignatures(
		Operation calldata operation,
		Change memory change,
		address recovery,
		bytes32 domain
	) internal returns (bytes4 reason) {
		if (block.timestamp > change.deadline)
			return Expired.selector;
		bytes32 digest = _digest(change, domain);

		if (change.kind != Identity.ROTATE)
			recovery = address(0);
		reason = _judgeSignature(change.owner, recovery, digest, operation.signature);
		if (reason != 0)
			return reason;
		if (change.account == address(0))
			return operation.consent.length == 0 ? bytes4(0) : BadConsent.selector;
		reason = _judgeSignature(change.account, address(0), digest, operation.consent);
		return reason == BadSignature.selector ? BadConsent.selector : reason;
	}

	/// 0, or why a signature is neither `account`'s nor that of `instead`, which may be 0.
	///
	/// A wrapped one (ERC-6492) names the call that makes the wallet. It is made when there is no code yet, once,
	/// with DEPLOY_GAS at most, which the caller has seen to be there, and not by this contract: whatever runs in
	/// it has the rights of a stranger's transaction. Then the wallet is asked; a key is not looked for.
	function _judgeSignature(address account, address instead, bytes32 digest, bytes calldata signature)
		internal
		returns (bytes4)
	{
		if (!Wrapped.isOne(signature)) {
			bool good = Signature.isBy(account, digest, signature)
				|| instead != address(0) && Signature.isBy(instead, digest, signature);
			return good ? bytes4(0) : BadSignature.selector;
		}
		(bool ok, address factory, bytes calldata data, bytes calldata inner) = Wrapped.open(signature);

		if (!ok)
			return BadSignature.selector;
		bool made = account.code.length == 0;

		if (made)
			_make(factory, data);
		if (Signature.isByWallet(account, digest, inner))
			return 0;
		if (instead != address(0)) {
			if (!made && instead.code.length == 0)
				_make(factory, data);
			if (Signature.isByWallet(instead, digest, inner))
				return 0;
		}
		return account.code.length == 0 && instead.code.length == 0
			? NoWallet.selector : BadSignature.selector;
	}

	/// Nothing of what comes back is copied.
	function _make(address factory, bytes calldata data) private {
		bytes memory order = abi.encodeCall(Deployer.run, (factory, data));
		Deployer by = deployer;

		assembly ("memory-safe") {
			pop(call(DEPLOY_GAS, by, 0, add(order, 32), mload(order), 0, 0))
		}
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
